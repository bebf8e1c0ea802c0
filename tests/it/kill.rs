//! The program is killed at any moment, under load, and started again: it starts, it knows what it promised to know, and
//! nothing that was spent can be spent again.
//!
//! What it promises of counts is what it had a second to write down. How long that takes a busy machine nobody knows, so
//! the files are watched: whatever was answered before the last writing *but two* ended must be known. (One more than it
//! takes: what was answered while one was under way may be in the next.) What is spent is written at once, and every other
//! round spends nothing, so that only what is counted makes the files grow. `TOLLGATE_KILLS` makes it longer: `make
//! kill-test`.

use crate::challenge::solve;
use crate::harness::http::{BROWSER, post, send};
use crate::harness::origin::Origin;
use crate::harness::{SHOP, until, within};
use crate::process::Program;
use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tollgate::engine::time::Timestamp;
use tollgate::store::memory::{Limits, state};

const VISITORS: u64 = 4;
/// Solutions that are tried again after each kill.
const REMEMBERED: usize = 4;
const CURL: &str = "User-Agent: curl/8.5.0\r\nAccept: */*\r\n";

/// One life of the program, until it is killed.
#[derive(Default)]
struct Life {
    over: AtomicBool,
    sent: AtomicU64,
    /// When attempts were answered.
    answered: Mutex<Vec<Instant>>,
    /// When the files grew.
    written: Mutex<Vec<Instant>>,
}

impl Life {
    fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }
}

/// Signs in as somebody else each time.
async fn visit(address: SocketAddr, round: u64, visitor: u64, life: Arc<Life>) {
    for number in 0.. {
        let body = format!("login=r{round}v{visitor}n{number}&password=wrong");
        life.sent.fetch_add(1, Ordering::SeqCst);
        let answered = ask(address, post("/login", &body, &format!("{BROWSER}Connection: close\r\n"))).await;
        if life.is_over() || answered != Some(401) {
            return;
        }
        life.answered.lock().unwrap().push(Instant::now());
    }
}

/// An answer, unless the program is killed first.
async fn ask(address: SocketAddr, request: String) -> Option<u16> {
    let socket = tokio::net::TcpStream::connect(address).await.ok()?;
    let mut connection = crate::harness::http::Connection::over(socket);
    connection.write(request).await;
    connection.read().await.map(|answer| answer.status)
}

fn login(cookie: &str) -> String {
    post("/login", "login=anna&password=right", &format!("{CURL}Connection: close\r\nCookie: {cookie}\r\n"))
}

/// Solves challenges and spends the clearances, of which `spent` keeps the last. `solved` are there before the life begins
/// (who solves has to be sure of answers).
async fn spend(address: SocketAddr, solved: Vec<String>, spent: Arc<Mutex<VecDeque<String>>>, life: Arc<Life>) {
    for cookie in solved {
        if life.is_over() || ask(address, login(&cookie)).await != Some(302) {
            return;
        }
        // Whoever was let in has spent it, killed or not.
        let mut spent = spent.lock().unwrap();
        spent.push_back(cookie);
        if spent.len() > REMEMBERED {
            spent.pop_front();
        }
    }
}

async fn clearance(address: SocketAddr) -> String {
    let problem = send(address, post("/login", "login=anna&password=right", CURL)).await.json();
    let url = problem["challenge"]["url"].as_str().unwrap();
    let solution = solve(address, url).await;
    let solved = send(address, post(url, &solution, BROWSER)).await;
    solved.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
}

/// Notes when the file of a directory grows: once a second, by what changed. (One that is begun grows several times.)
fn watch(directory: PathBuf, life: Arc<Life>) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        let mut before = length(&directory);
        while !life.is_over() {
            let now = length(&directory);
            if now.iter().any(|(name, length)| before.iter().any(|(other, less)| other == name && less < length)) {
                life.written.lock().unwrap().push(Instant::now());
            }
            before = now;
            std::thread::sleep(Duration::from_millis(2));
        }
    })
}

/// Of each file that is whole.
fn length(directory: &Path) -> Vec<(String, u64)> {
    let Ok(files) = std::fs::read_dir(directory) else { return Vec::new() };
    let name = |file: &std::fs::DirEntry| file.file_name().into_string().ok().filter(|name| name.starts_with("state."));
    files.flatten().filter_map(|file| Some((name(&file)?, file.metadata().ok()?.len()))).collect()
}

/// How many accounts the files know of. Read from a copy: the program is to begin with what the kill left.
fn known(directory: &Path) -> u64 {
    let copy = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(directory).unwrap().flatten() {
        std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
    }
    let directory = copy.path();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let opened = state::open(Limits::of_entries(1_000_000), directory, [0; 16], Timestamp(now.as_millis() as u64));
    let (memory, restored) = opened.unwrap();
    assert!(restored.damage.is_empty(), "{:?}", restored.damage);
    memory.stats().kinds.iter().find(|kind| kind.kind == "account").unwrap().entries
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whenever_it_is_killed_it_starts_and_knows_what_it_promised() {
    let kills = std::env::var("TOLLGATE_KILLS").map_or(8, |text| text.parse().expect("a number"));
    let origin = Origin::shop().await;
    let yaml = SHOP.replace("routes:", "store: { snapshot: \"{dir}/state\" }\nroutes:");
    let mut program = Program::start(&yaml, &origin).await;
    let directory = program.dir.path().join("state");
    let spent: Arc<Mutex<VecDeque<String>>> = Arc::default();
    let (mut before, mut worst, mut attempts, mut lost, mut tokens) = (0, Duration::ZERO, 0, 0, 0);
    for round in 0..kills {
        let mut solved = Vec::new();
        let spends = round % 2 == 0;
        for _ in 0..if spends { REMEMBERED } else { 0 } {
            solved.push(clearance(program.address).await);
        }
        tokens += solved.len();
        let life = Arc::new(Life::default());
        let watching = watch(directory.clone(), life.clone());
        let mut visitors = vec![tokio::spawn(spend(program.address, solved, spent.clone(), life.clone()))];
        for visitor in 0..VISITORS {
            visitors.push(tokio::spawn(visit(program.address, round, visitor, life.clone())));
        }
        within("somebody to be served", until(|| !life.answered.lock().unwrap().is_empty())).await;
        // Any moment of the second between two writings, and of the writings.
        let moment = RandomState::new().hash_one(round) % 2_200;
        tokio::time::sleep(Duration::from_millis(moment)).await;
        let killed = Instant::now();
        program.signal("-KILL");
        within("the end", program.child.wait()).await.unwrap();
        life.over.store(true, Ordering::SeqCst);
        for visitor in visitors {
            within("a visitor to leave", visitor).await.unwrap();
        }
        watching.join().unwrap();

        let now = known(&directory);
        let (answered, written) = (life.answered.lock().unwrap().clone(), life.written.lock().unwrap().clone());
        let promised = match written.len().checked_sub(3) {
            Some(place) if !spends => answered.iter().filter(|at| **at < written[place]).count() as u64,
            Some(_) | None => 0,
        };
        let fresh = now - before;
        let sent = life.sent.load(Ordering::SeqCst) + 1;
        assert!(fresh >= promised, "after {moment} ms: {fresh} known of {promised} that were to be known");
        assert!(fresh <= sent, "after {moment} ms: {fresh} known of {sent} that were sent");
        before = now;
        // Figures for people.
        let missing = (answered.len() as u64).saturating_sub(fresh) as usize;
        let oldest = answered.len().checked_sub(missing.max(1)).and_then(|place| answered.get(place));
        if let (true, Some(oldest)) = (missing > 0, oldest) {
            worst = worst.max(killed - *oldest);
        }
        attempts += answered.len();
        lost += missing;

        program = program.again().await;
        let spent = spent.lock().unwrap().clone();
        for cookie in &spent {
            let again = ask(program.address, login(cookie)).await;
            assert_eq!(again, Some(403), "after {moment} ms: a clearance is spent twice");
        }
    }
    println!(
        "{kills} kills, {attempts} attempts answered, {lost} not known afterwards, the oldest of them {} ms before its kill; \
         {tokens} clearances, none spent twice",
        worst.as_millis()
    );
}

//! What a reload costs with 10,000 routes and a list of a million entries: when nothing changed, when one route did, a
//! rule, or the list; and what dropping the version before costs the thread that does it.
//!
//! What is timed is what happens on the thread for blocking work: reading, resolving, loading. The exchange itself is one
//! pointer, and servers that are not new are not asked. Old versions are dropped outside the time, as the gate does. The
//! time is processor time of that one thread, so that neighbours on the machine are not measured.

#![expect(clippy::unwrap_used, reason = "a bench that cannot set its scene up has nothing to measure")]

use criterion::{Criterion, criterion_group, criterion_main};
use std::fmt::Write;
use std::fs::File;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tollgate::config;
use tollgate::gateway::clock::Clock;
use tollgate::gateway::gate::Gate;
use tollgate::gateway::live::Live;

/// The program's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUTES: usize = 10_000;
const ENTRIES: usize = 1_000_000;

fn configuration(dir: &Path, of: &str) -> PathBuf {
    let mut text = format!(
        "version: 1\nmode: enforce\nlisten: [{{ address: \"127.0.0.1:8080\" }}]\nupstream: {{ servers: [\"127.0.0.1:9000\"] }}\n\
         secret_file: secret\nlists: {{ mine: {{ effect: note, of: {of}, file: {of}.txt }} }}\npolicies:\n  login:\n    rules:\n"
    );
    for rule in 0..10 {
        let least = 95 - 5 * rule;
        writeln!(text, "      - {{ name: rule-{rule}, when: listed.mine && bot >= {least}, action: deny }}").unwrap();
    }
    text.push_str("    otherwise: allow\nroutes:\n");
    for route in 0..ROUTES {
        write!(
            text,
            "  - name: sign-in-{route}\n    event: login\n    match: {{ method: POST, path: /tenant-{route}/login }}\n    \
             fields: {{ account: form:login, password: form:password }}\n    outcome: {{ succeeded: [{{ status: 302, \
             set_cookie: session }}], failed: [{{ status: 401 }}] }}\n    policy: login\n    pages: \
             [/tenant-{route}/login]\n"
        )
        .unwrap();
    }
    let file = dir.join("tollgate.yaml");
    std::fs::write(&file, text).unwrap();
    file
}

fn list(dir: &Path, of: &str) -> PathBuf {
    let mut text = String::new();
    for entry in 0..ENTRIES as u32 {
        // All over the space, in no order.
        let spread = entry.wrapping_mul(2_654_435_761);
        match of {
            "ip" => writeln!(text, "{}", std::net::Ipv4Addr::from(spread)).unwrap(),
            _ => writeln!(text, "account-{spread}@mail.example").unwrap(),
        }
    }
    let file = dir.join(format!("{of}.txt"));
    std::fs::write(&file, text).unwrap();
    file
}

fn open(file: &Path) -> Arc<Gate> {
    match config::load(file) {
        Ok((settings, _)) => Gate::open(settings, Clock::System).unwrap_or_else(|error| panic!("{error}")),
        Err(report) => panic!("{report}"),
    }
}

fn read(file: &Path) -> config::Settings {
    config::load(file).unwrap_or_else(|report| panic!("{report}")).0
}

fn after(gate: &Gate, settings: config::Settings) -> Live {
    let earlier = gate.live.load_full();
    let secret = settings.secret_file.clone();
    Live::after(&earlier, settings, &secret, &gate.metrics).unwrap_or_else(|faults| panic!("{faults:?}"))
}

/// Of this thread, as the kernel's scheduler has charged it.
fn processor_time() -> Duration {
    // The running slice is charged when the thread is asked to step back.
    std::thread::yield_now();
    let charged = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(charged.split(' ').next().unwrap().parse().unwrap())
}

/// One file whose versions follow each other in a gate.
struct Scene {
    dir: tempfile::TempDir,
    of: &'static str,
    file: PathBuf,
    gate: Arc<Gate>,
    version: Option<config::Version>,
    edits: u64,
}

/// What is done to the files before a reload.
type Edit = fn(&mut Scene);

impl Scene {
    fn new(of: &'static str) -> Scene {
        let dir = tempfile::tempdir().unwrap();
        list(dir.path(), of);
        let file = configuration(dir.path(), of);
        let gate = open(&file);
        let version = config::read(&file).version;
        assert!(version.is_some());
        Scene { dir, of, file, gate, version, edits: 0 }
    }

    fn text(&self) -> String {
        std::fs::read_to_string(&self.file).unwrap()
    }

    /// One route of ten thousand gets another path.
    fn edit_route(&mut self) {
        self.edits += 1;
        let text = self.text();
        let place = text.find("  - name: sign-in-5000\n").unwrap();
        let (before, route) = text.split_at(place);
        let (from, until) = (route.find("path: ").unwrap(), route.find(" }").unwrap());
        let text = format!("{before}{}path: /edited-{}{}", &route[..from], self.edits, &route[until..]);
        std::fs::write(&self.file, text).unwrap();
    }

    /// A rule asks for another score.
    fn edit_rule(&mut self) {
        self.edits += 1;
        let text = self.text();
        let (before, rule) = text.split_once("bot >= ").unwrap();
        let text = format!("{before}bot >= {}{}", 95 + self.edits % 5, &rule[rule.find(',').unwrap()..]);
        std::fs::write(&self.file, text).unwrap();
    }

    fn edit_list(&mut self) {
        let list = self.dir.path().join(format!("{}.txt", self.of));
        File::options().write(true).open(list).unwrap().set_modified(SystemTime::now()).unwrap();
    }

    /// What the reload costs its thread.
    fn reload(&mut self) -> Duration {
        let began = processor_time();
        let reading = config::read_again(&self.file, self.version.as_ref());
        let (settings, _) = reading.result.unwrap_or_else(|report| panic!("{report}"));
        let live = after(&self.gate, settings);
        let took = processor_time() - began;
        drop(self.gate.live.swap(Arc::new(live)));
        self.version = reading.version;
        assert!(self.version.is_some());
        took
    }
}

fn reload(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("reload");
    group.sample_size(10);
    for of in ["account", "ip"] {
        let mut scene = Scene::new(of);
        if of == "account" {
            group.bench_function("reading 10,000 routes in full", |bench| {
                bench.iter_custom(|times| {
                    let mut took = Duration::ZERO;
                    for _ in 0..times {
                        let began = processor_time();
                        let reading = black_box(config::read(&scene.file));
                        took += processor_time() - began;
                        drop(reading);
                    }
                    took
                });
            });
            group.bench_function("reading 10,000 routes again", |bench| {
                bench.iter_custom(|times| {
                    let mut took = Duration::ZERO;
                    for _ in 0..times {
                        scene.edit_route();
                        let began = processor_time();
                        let reading = black_box(config::read_again(&scene.file, scene.version.as_ref()));
                        took += processor_time() - began;
                        drop(reading);
                    }
                    took
                });
            });
        }
        let edits: [(&str, Edit); 4] = [
            ("nothing", |_| {}),
            ("a route", Scene::edit_route),
            ("a rule", Scene::edit_rule),
            ("the list", Scene::edit_list),
        ];
        for (what, edit) in edits {
            group.bench_function(format!("10,000 routes, a million entries ({of}): {what} changed"), |bench| {
                bench.iter_custom(|times| {
                    let mut took = Duration::ZERO;
                    for _ in 0..times {
                        edit(&mut scene);
                        took += scene.reload();
                    }
                    took
                });
            });
        }
        group.bench_function(format!("dropping a version with its list ({of})"), |bench| {
            bench.iter_custom(|times| {
                let mut took = Duration::ZERO;
                for _ in 0..times {
                    scene.edit_list();
                    let live = Arc::new(after(&scene.gate, read(&scene.file)));
                    let began = processor_time();
                    drop(live);
                    took += processor_time() - began;
                }
                took
            });
        });
    }
    group.finish();
}

criterion_group!(benches, reload);
criterion_main!(benches);

//! The program under a service manager: what it says over the notification socket, and the files that the package brings.

use crate::harness::origin::Origin;
use crate::harness::{SHOP, free_port, within};
use crate::process::command;
use std::net::SocketAddr;
use tokio::net::{TcpStream, UnixDatagram};
use tokio::process::Child;

/// The program with a service manager that listens.
struct Service {
    child: Child,
    socket: UnixDatagram,
    address: SocketAddr,
    dir: tempfile::TempDir,
}

impl Service {
    /// Starts it, and gives its first word. Another process may take a free port in between: tried again.
    async fn start(watchdog_us: u64) -> (Service, String) {
        for _ in 0..5 {
            let mut service = Service::spawn(watchdog_us).await;
            let mut said = [0; 1024];
            let heard = async {
                tokio::select! {
                    length = service.socket.recv(&mut said) => Some(length.unwrap()),
                    _ = service.child.wait() => None,
                }
            };
            if let Some(length) = within("the program's first word", heard).await {
                return (service, String::from_utf8(said[..length].to_vec()).unwrap());
            }
        }
        panic!("the program did not start in five tries");
    }

    async fn spawn(watchdog_us: u64) -> Service {
        let origin = Origin::shop().await;
        let dir = tempfile::tempdir().unwrap();
        let address = free_port();
        let yaml = SHOP
            .replace("127.0.0.1:1\"", &format!("{address}\""))
            .replace("{origin}", &origin.address.to_string())
            .replace("{dir}", dir.path().to_str().unwrap());
        let file = dir.path().join("tollgate.yaml");
        std::fs::write(&file, yaml).unwrap();
        let place = dir.path().join("notify");
        let socket = UnixDatagram::bind(&place).unwrap();
        let mut command = command(&file);
        command.env("NOTIFY_SOCKET", &place).env("WATCHDOG_USEC", watchdog_us.to_string());
        Service { child: command.spawn().unwrap(), socket, address, dir }
    }

    async fn hears(&self) -> String {
        let mut said = [0; 1024];
        let length = within("a word from the program", self.socket.recv(&mut said)).await.unwrap();
        String::from_utf8(said[..length].to_vec()).unwrap()
    }
}

#[tokio::test]
async fn readiness_signs_of_life_and_the_end_are_told() {
    let (mut service, ready) = Service::start(200_000).await;
    assert!(ready.lines().any(|line| line == "READY=1"), "{ready}");
    assert!(ready.contains("STATUS=mode enforce, "), "{ready}");
    // Whoever is ordered after the service can rely on it.
    TcpStream::connect(service.address).await.expect("what is ready listens");
    assert_eq!(service.hears().await.trim(), "WATCHDOG=1");
    crate::harness::http::send(service.address, crate::harness::http::get("/", "")).await;
    // Now the threads that serve are known, and asked.
    for _ in 0..3 {
        assert_eq!(service.hears().await.trim(), "WATCHDOG=1");
    }
    let id = service.child.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    let mut last = service.hears().await;
    while last.trim() == "WATCHDOG=1" {
        last = service.hears().await;
    }
    assert_eq!(last.trim(), "STOPPING=1");
    assert!(within("the end", service.child.wait()).await.unwrap().success());
}

#[tokio::test]
async fn when_another_process_takes_over_the_service_manager_hears_of_it_before_it_hears_from_it() {
    let (mut service, ready) = Service::start(60_000_000).await;
    assert!(ready.contains("READY=1"), "{ready}");
    let old = service.child.id().unwrap();
    let signal = |name: &str, id: u32| {
        assert!(std::process::Command::new("kill").args([name, &id.to_string()]).status().unwrap().success());
    };
    signal("-USR2", old);
    let mut said = Vec::new();
    // The last word that the old one has, and the first of the new one.
    while !said.last().is_some_and(|last: &String| last.contains("READY=1")) {
        said.push(service.hears().await);
    }
    let main = said.iter().find_map(|word| word.trim().strip_prefix("MAINPID=")).expect("the new main process");
    let new: u32 = main.parse().unwrap();
    assert_ne!(new, old);
    let heard = said.join("\n");
    assert!(heard.find("upgrading").unwrap() < heard.find("MAINPID=").unwrap(), "{heard}");
    assert!(within("the end of the old one", service.child.wait()).await.unwrap().success());
    TcpStream::connect(service.address).await.expect("the new one listens");
    // The old one's end is not the service's: that is the new one's to tell.
    signal("-TERM", new);
    let mut last = service.hears().await;
    while last.trim() == "WATCHDOG=1" {
        last = service.hears().await;
    }
    assert_eq!(last.trim(), "STOPPING=1");
}

#[tokio::test]
async fn why_nothing_was_upgraded_stands_in_the_status() {
    let (mut service, _) = Service::start(60_000_000).await;
    std::fs::write(service.dir.path().join("tollgate.yaml"), "nonsense: 1\n").unwrap();
    let id = service.child.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-USR2", &id]).status().unwrap().success());
    let mut last = service.hears().await;
    while !last.contains("not upgraded") {
        last = service.hears().await;
    }
    assert!(last.starts_with("STATUS=not upgraded: the new program says: ") && last.contains("nonsense"), "{last}");
    assert!(service.child.try_wait().unwrap().is_none(), "the gate goes on");
}

/// What the unit names is what the program, its configuration and the package have.
#[test]
fn unit_configuration_and_package_name_the_same_places() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap();
    let (unit, configuration, manifest) =
        (read("systemd/tollgate.service"), read("conf/service.yaml"), read("Cargo.toml"));
    for line in unit.lines().filter(|line| line.contains("/usr/bin/tollgate")) {
        assert!(line.contains("/etc/tollgate/tollgate.yaml"), "{line}");
    }
    assert!(unit.contains("StateDirectory=tollgate\n") && configuration.contains("/var/lib/tollgate/secret"));
    assert!(unit.contains("LogsDirectory=tollgate\n") && configuration.contains("/var/log/tollgate/decisions.jsonl"));
    // Who takes over is named by who leaves, and speaks only then; the package asks for it by the same signal as people.
    assert!(unit.contains("NotifyAccess=all\n"));
    assert!(read("systemd/package/postinst").contains("--signal=USR2"));
    assert!(read("systemd/tollgate.logrotate").contains("/var/log/tollgate/*.jsonl"));
    for part in ["etc/tollgate/tollgate.yaml", "etc/logrotate.d/tollgate", "usr/bin/"] {
        assert!(manifest.contains(part), "the package does not bring {part}");
    }
}

/// `systemd-analyze security` speaks of exposure from 0 to 10; what it counts is the unit alone, so that it can be asked
/// without a running systemd. tests/setup brings it.
#[test]
fn the_sandbox_leaves_an_exposure_below_two() {
    let unit = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd/tollgate.service");
    let output = std::process::Command::new("systemd-analyze")
        .args(["security", "--offline=yes", "--threshold=20", "--no-pager"])
        .arg(unit)
        .output()
        .expect("systemd-analyze, which tests/setup installs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

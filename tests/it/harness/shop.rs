//! The real application of the demo, started for one test: Flask-Security-Too under gunicorn, with a database of its own.

use super::http::{get, send};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// One that runs until dropped.
pub struct Shop {
    pub address: SocketAddr,
    program: Child,
    _dir: tempfile::TempDir,
}

/// A customer and her password, see `tests/apps/shop.py`.
pub const ANNA: (&str, &str) = ("anna@example.com", "anna-has-a-Long-password");

impl Shop {
    /// Starts it and waits until it answers. Another process may take the free port in between: tried again.
    pub async fn open() -> Shop {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let gunicorn = root.join("target/apps/bin/gunicorn");
        assert!(gunicorn.exists(), "the shop is missing ({}): run `make test`, which installs it", gunicorn.display());
        for _ in 0..5 {
            let dir = tempfile::tempdir().unwrap();
            let address = super::free_port();
            let log = std::fs::File::create(dir.path().join("log")).unwrap();
            let mut program = Command::new(&gunicorn)
                .args(["--workers", "1", "--threads", "4", "--keep-alive", "5", "--no-control-socket"])
                .args(["--bind", &address.to_string(), "shop:app", "--chdir"])
                .arg(root.join("tests/apps"))
                .env("SHOP_DATABASE", format!("sqlite:///{}", dir.path().join("shop.db").display()))
                .env("PYTHONDONTWRITEBYTECODE", "1")
                .stdin(Stdio::null())
                .stdout(log.try_clone().unwrap())
                .stderr(log)
                .process_group(0)
                .spawn()
                .unwrap();
            let answers = async {
                loop {
                    if TcpStream::connect(address).await.is_ok()
                        && send(address, get("/health", "Connection: close\r\n")).await.text() == "ok"
                    {
                        return;
                    }
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            };
            let up = tokio::select! {
                up = tokio::time::timeout(Duration::from_secs(120), answers) => up.is_ok(),
                _ = program.wait() => false,
            };
            let log = std::fs::read_to_string(dir.path().join("log")).unwrap_or_default();
            let shop = Shop { address, program, _dir: dir };
            if up {
                return shop;
            }
            assert!(log.contains("in use"), "the shop does not start:\n{log}");
        }
        panic!("the shop found no port in five tries");
    }
}

impl Shop {
    /// Whether the holder of this session cookie is signed in: asked of the shop itself, past the gate.
    pub async fn has_signed_in(&self, session: &str) -> bool {
        let cookie = format!("Cookie: session={session}\r\nConnection: close\r\n");
        send(self.address, get("/account", &cookie)).await.status == 200
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        super::kill_group(&self.program);
    }
}

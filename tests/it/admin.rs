//! The admin API as operators and their programs meet it: through its listener, on a socket. Every answer is held against
//! the document that the API gives of itself.

mod access;
mod campaigns;
mod commands;
mod configuration;
mod decisions;
mod hostile;
mod labels;
mod people;
mod tls;

use crate::harness::desk::{ADMIN, Desk};
use crate::harness::http::{BROWSER, form, post, send};
use crate::harness::origin::Origin;
use crate::harness::{SHOP, shop_with};

/// The shop, and a desk before it.
async fn desk() -> (Desk, Origin) {
    let origin = Origin::shop().await;
    (Desk::open(&format!("{ADMIN}{SHOP}"), &origin).await, origin)
}

impl Desk {
    /// Signs somebody in with a browser: the status.
    async fn sign_in(&self, login: &str, password: &str) -> u16 {
        send(self.gate.address, form("/login", &format!("login={login}&password={password}"))).await.status
    }

    /// The same from another address.
    async fn sign_in_from(&self, ip: &str, login: &str) -> u16 {
        let headers = format!("{BROWSER}X-Forwarded-For: {ip}\r\n");
        send(self.gate.address, post("/login", &format!("login={login}&password=wrong"), &headers)).await.status
    }
}

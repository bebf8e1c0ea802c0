//! The proxy that Tollgate is measured beside: Pingora and nothing else.
//!
//! One upstream, no hook but the one that Pingora demands, one thread, the system's allocator (this file must not name the
//! `tollgate` library: linking it would not change the allocator, but it is easier to see that nothing of it is here).
//!
//! `pass_through LISTEN UPSTREAM`, both as `address:port`.

use async_trait::async_trait;
use pingora::prelude::{HttpPeer, Server};
use pingora::proxy::{ProxyHttp, Session, http_proxy_service};
use pingora::server::configuration::ServerConf;
use std::net::SocketAddr;

struct PassThrough {
    upstream: SocketAddr,
}

#[async_trait]
impl ProxyHttp for PassThrough {
    type CTX = ();

    fn new_ctx(&self) {}

    async fn upstream_peer(&self, _session: &mut Session, _ctx: &mut ()) -> pingora::Result<Box<HttpPeer>> {
        Ok(Box::new(HttpPeer::new(self.upstream, false, String::new())))
    }
}

fn main() {
    let addresses: Option<Vec<SocketAddr>> = std::env::args().skip(1).map(|argument| argument.parse().ok()).collect();
    let Some([listen, upstream]) = addresses.as_deref() else {
        eprintln!("usage: pass_through LISTEN UPSTREAM");
        std::process::exit(64);
    };
    // Tollgate's pool for upstream connections is as large; more than the load generator opens in either case.
    let conf = ServerConf { threads: 1, upstream_keepalive_pool_size: 512, ..ServerConf::default() };
    let mut server = Server::new_with_opt_and_conf(None, conf);
    server.bootstrap();
    let mut proxy = http_proxy_service(&server.configuration, PassThrough { upstream: *upstream });
    proxy.add_tcp(&listen.to_string());
    server.add_service(proxy);
    server.run_forever()
}

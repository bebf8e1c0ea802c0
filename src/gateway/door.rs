//! Between the socket and Pingora's proxy: how many may come in, and how long one may take to say what it wants.
//!
//! Pingora bounds each read of a request head (60 s) and not the whole of it, so that one byte every few seconds holds a
//! connection for ever; and it bounds no number of connections. Both are mended here, around the proxy: every stream is
//! wrapped, the time of a head runs from its first byte (that of the first one from the connection's beginning), and the
//! proxy's hooks say (through a task-local, since HTTP/1 requests run in their connection's own task) when the head is
//! complete. HTTP/2 connections have an idle timeout of their own, which begins with the preface; only the wait for that
//! is timed here.
//!
//! A TLS connection takes its place before the handshake, at the [`Porch`]: handshakes are what costs most, and who begins
//! one and falls silent holds a connection as well as anybody. The place travels with the connection, as a note that
//! Pingora keeps on it, and is free again when the connection is gone, however far it came.

use super::admission::{Admission, Place};
use super::service_manager::ProxyRuntime;
use async_trait::async_trait;
use pingora::apps::{HttpServerApp, ServerApp};
use pingora::http::ResponseHeader;
use pingora::listeners::PreTlsProcess;
use pingora::protocols::l4::stream::Stream as L4Stream;
use pingora::protocols::raw_connect::ProxyDigest;
use pingora::protocols::tls::SslDigest;
use pingora::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, IO, Peek, Shutdown, SocketDigest, Ssl, Stream,
    TimingDigest, UniqueID, UniqueIDType,
};
use pingora::server::ShutdownWatch;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;
use tokio::time::Instant;

/// Admits connections to the proxy `A`.
pub struct Door<A> {
    proxy: Arc<A>,
    porch: Porch,
    runtime: Arc<ProxyRuntime>,
    handed_over: watch::Receiver<bool>,
}

impl<A> Door<A> {
    /// Gives each connection `head` to say its first request; `runtime` learns where that happens. When the service ends
    /// and the gate was `handed_over`, connections that rest are left to rest.
    pub fn new(
        proxy: A,
        admission: Arc<Admission>,
        head: Duration,
        runtime: Arc<ProxyRuntime>,
        handed_over: watch::Receiver<bool>,
    ) -> Door<A> {
        Door { proxy: Arc::new(proxy), porch: Porch { admission, head }, runtime, handed_over }
    }

    /// Where TLS connections take their place.
    pub fn porch(&self) -> Porch {
        self.porch.clone()
    }
}

/// Where a connection takes its place, and a TLS connection says its hello.
#[derive(Clone)]
pub struct Porch {
    admission: Arc<Admission>,
    head: Duration,
}

/// What a TLS record begins with, and the longest there is.
const TLS_RECORD_HEAD: usize = 5;
const TLS_RECORD_MOST: usize = 16 * 1024;

/// Waits until the whole first record is there, which a client's hello is, and leaves it to be read.
async fn hello(stream: &mut L4Stream) -> io::Result<()> {
    let mut head = [0; TLS_RECORD_HEAD];
    stream.try_peek(&mut head).await?;
    let length = usize::from(u16::from_be_bytes([head[3], head[4]]));
    if head[0] != TLS_HANDSHAKE || length > TLS_RECORD_MOST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "this is no TLS"));
    }
    stream.try_peek(&mut vec![0; TLS_RECORD_HEAD + length]).await.map(drop)
}

/// The type of a record of the handshake.
const TLS_HANDSHAKE: u8 = 22;

fn peer(digest: Option<&SocketDigest>) -> Option<IpAddr> {
    Some(digest?.peer_addr()?.as_inet()?.ip())
}

#[async_trait]
impl PreTlsProcess for Porch {
    async fn process(&self, stream: &mut L4Stream) -> pingora::Result<()> {
        let Some(place) = self.admission.take(peer(stream.get_socket_digest().as_deref())) else {
            return Err(pingora::Error::explain(pingora::ErrorType::AcceptError, "too many connections").into_down());
        };
        let refused = |why: &'static str| pingora::Error::explain(pingora::ErrorType::AcceptError, why).into_down();
        match tokio::time::timeout(self.head, hello(stream)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err(refused("no TLS hello came")),
            Err(_) => return Err(refused("the TLS hello took too long")),
        }
        // Meant for what a proxy said on connecting; nobody asks a visitor's connection for that.
        let nothing_said = Box::new(ResponseHeader::build(200, Some(0))?);
        stream.set_proxy_digest(ProxyDigest::new(nothing_said, Some(Box::new(place))));
        Ok(())
    }
}

/// Whether the connection took its place at the porch.
fn has_place(stream: &Stream) -> bool {
    stream.get_proxy_digest().is_some_and(|digest| digest.user_data.as_ref().is_some_and(|data| data.is::<Place>()))
}

/// `PRI * HTTP/2.0` and so on, which every HTTP/2 connection begins with: its length.
const HTTP2_PREFACE: usize = 24;

tokio::task_local! {
    static HEAD: Arc<HeadState>;
}

/// To be called by the proxy when a request head is complete: its clock stops.
pub fn head_complete() {
    // HTTP/2 streams run in tasks of their own and have no clock.
    let _ = HEAD.try_with(|head| head.reading.store(false, Ordering::Relaxed));
}

/// To be called when a request is over: the next byte that arrives begins a head.
pub fn head_awaited() {
    let _ = HEAD.try_with(|head| {
        head.over.store(true, Ordering::Relaxed);
        head.reading.store(true, Ordering::Relaxed);
    });
}

#[derive(Debug)]
struct HeadState {
    /// Whether what is being read belongs to a request head (or to the wait for one).
    reading: AtomicBool,
    /// A request is over: the clock of its head, should it still run, is not the next one's.
    over: AtomicBool,
}

impl Default for HeadState {
    fn default() -> HeadState {
        HeadState { reading: AtomicBool::new(true), over: AtomicBool::new(false) }
    }
}

#[async_trait]
impl<A> ServerApp for Door<A>
where
    A: HttpServerApp + Send + Sync + 'static,
{
    async fn process_new(self: &Arc<Self>, stream: Stream, shutdown: &ShutdownWatch) -> Option<Stream> {
        self.runtime.seen();
        let place = match has_place(&stream) {
            true => None,
            false => Some(self.porch.admission.take(peer(stream.get_socket_digest().as_deref()))?),
        };
        let state = Arc::new(HeadState::default());
        let timed = match stream.selected_alpn_proto() {
            Some(ALPN::H2) => HeadTimed::http2(stream, state.clone(), self.porch.head),
            _ => HeadTimed::http1(stream, state.clone(), self.porch.head),
        };
        let result = HEAD.scope(state, self.proxy.process_new(Box::new(timed), shutdown)).await;
        drop(place);
        result
    }

    async fn cleanup(&self) {
        // This drops connections that rest. Whoever sends a request in that very moment has an error for an answer, and
        // where another process serves already there is no hurry: they are told with their next answer.
        if *self.handed_over.borrow() {
            return std::future::pending().await;
        }
        self.proxy.http_cleanup().await;
    }
}

/// A stream whose request heads are timed. Costs one flag a read, and a timer only when a head comes in pieces.
#[derive(Debug)]
struct HeadTimed {
    inner: Stream,
    state: Arc<HeadState>,
    clock: HeadClock,
    allowed: Duration,
    /// Bytes of the HTTP/2 preface that are still to come.
    preface: usize,
}

impl HeadTimed {
    fn http1(inner: Stream, state: Arc<HeadState>, allowed: Duration) -> HeadTimed {
        // The first head is waited for no longer than it may take; later ones as long as the connection may idle.
        HeadTimed { inner, state, clock: HeadClock::Began(Instant::now()), allowed, preface: 0 }
    }

    fn http2(inner: Stream, state: Arc<HeadState>, allowed: Duration) -> HeadTimed {
        HeadTimed { inner, state, clock: HeadClock::Began(Instant::now()), allowed, preface: HTTP2_PREFACE }
    }
}

/// How far the head of the next request is.
#[derive(Debug)]
enum HeadClock {
    /// Nothing came yet.
    Stopped,
    /// Its first bytes came then; most heads need no second read, so no timer exists yet.
    Began(Instant),
    Running(Pin<Box<tokio::time::Sleep>>),
}

impl HeadClock {
    /// Whether the head has had its time.
    fn is_over(&mut self, allowed: Duration, cx: &mut Context<'_>) -> bool {
        if let HeadClock::Began(at) = *self {
            *self = HeadClock::Running(Box::pin(tokio::time::sleep_until(at + allowed)));
        }
        match self {
            HeadClock::Running(sleep) => sleep.as_mut().poll(cx).is_ready(),
            HeadClock::Stopped | HeadClock::Began(_) => false,
        }
    }
}

impl AsyncRead for HeadTimed {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !this.state.reading.load(Ordering::Relaxed) {
            this.clock = HeadClock::Stopped;
            return Pin::new(&mut this.inner).poll_read(cx, buffer);
        }
        if this.state.over.load(Ordering::Relaxed) {
            this.state.over.store(false, Ordering::Relaxed);
            this.clock = HeadClock::Stopped;
        }
        if this.clock.is_over(this.allowed, cx) {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "request head took too long")));
        }
        let before = buffer.filled().len();
        let result = Pin::new(&mut this.inner).poll_read(cx, buffer);
        let came = buffer.filled().len() - before;
        if this.preface > 0 {
            this.preface = this.preface.saturating_sub(came);
            this.state.reading.store(this.preface > 0, Ordering::Relaxed);
        } else if matches!(this.clock, HeadClock::Stopped) && came > 0 {
            this.clock = HeadClock::Began(Instant::now());
        }
        result
    }
}

impl AsyncWrite for HeadTimed {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, data)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, data)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[async_trait]
impl Shutdown for HeadTimed {
    async fn shutdown(&mut self) {
        self.inner.shutdown().await;
    }
}

impl UniqueID for HeadTimed {
    fn id(&self) -> UniqueIDType {
        self.inner.id()
    }
}

impl Ssl for HeadTimed {
    fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
        self.inner.get_ssl_digest()
    }

    fn selected_alpn_proto(&self) -> Option<ALPN> {
        self.inner.selected_alpn_proto()
    }
}

impl GetTimingDigest for HeadTimed {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        self.inner.get_timing_digest()
    }

    fn get_read_pending_time(&self) -> Duration {
        self.inner.get_read_pending_time()
    }

    fn get_write_pending_time(&self) -> Duration {
        self.inner.get_write_pending_time()
    }
}

impl GetProxyDigest for HeadTimed {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        self.inner.get_proxy_digest()
    }
}

impl GetSocketDigest for HeadTimed {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.inner.get_socket_digest()
    }
}

#[async_trait]
impl Peek for HeadTimed {
    async fn try_peek(&mut self, buffer: &mut [u8]) -> io::Result<bool> {
        self.inner.try_peek(buffer).await
    }
}

// `IO` is implemented by Pingora for all of the above; naming it here keeps the reader from searching.
const _: fn(HeadTimed) -> Box<dyn IO> = |stream| Box::new(stream);

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    fn timed(inner: Stream) -> (HeadTimed, Arc<HeadState>) {
        let state = Arc::new(HeadState::default());
        (HeadTimed::http1(inner, state.clone(), Duration::from_secs(10)), state)
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_trickles_in_is_cut_off() {
        let (mut client, server) = tokio::io::duplex(64);
        let (mut stream, _) = timed(Box::new(server));
        let reader = tokio::spawn(async move {
            let mut byte = [0; 1];
            loop {
                if let Err(error) = stream.read_exact(&mut byte).await {
                    return error;
                }
            }
        });
        // One byte every four seconds: each read is quick, the whole is not.
        for _ in 0..4 {
            let _ = client.write_all(b"G").await;
            tokio::time::sleep(Duration::from_secs(4)).await;
        }
        assert_eq!(reader.await.unwrap().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn who_connects_and_says_nothing_is_not_kept() {
        let (_client, server) = tokio::io::duplex(64);
        let (mut stream, _) = timed(Box::new(server));
        assert_eq!(stream.read_u8().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn after_an_answer_of_the_gates_own_a_connection_may_idle() {
        let (mut client, server) = tokio::io::duplex(64);
        let (mut stream, state) = timed(Box::new(server));
        client.write_all(b"head").await.unwrap();
        stream.read_exact(&mut [0; 4]).await.unwrap();
        // Nothing is read between one head and the next.
        state.reading.store(false, Ordering::Relaxed);
        state.over.store(true, Ordering::Relaxed);
        state.reading.store(true, Ordering::Relaxed);
        assert!(tokio::time::timeout(Duration::from_secs(50), stream.read_u8()).await.is_err(), "it was cut off");
    }

    #[tokio::test]
    async fn a_tls_hello_is_waited_for_and_left_to_be_read() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        for (said, fine) in
            [(&b"\x16\x03\x01\x00\x02ab"[..], true), (b"GET / HTTP/1.1", false), (b"\x16\x03\x01\x00", false)]
        {
            let mut client = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let mut stream: L4Stream = listener.accept().await.unwrap().0.into();
            client.write_all(said).await.unwrap();
            client.shutdown().await.unwrap();
            assert_eq!(hello(&mut stream).await.is_ok(), fine, "{said:?}");
            if fine {
                let mut read = Vec::new();
                stream.read_to_end(&mut read).await.unwrap();
                assert_eq!(read, said);
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_for_a_head_and_reading_a_body_are_not_timed() {
        let (mut client, server) = tokio::io::duplex(64);
        let (mut stream, state) = timed(Box::new(server));
        state.over.store(true, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_secs(50)).await;
        client.write_all(b"head").await.unwrap();
        let mut four = [0; 4];
        stream.read_exact(&mut four).await.unwrap();
        state.reading.store(false, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_secs(50)).await;
        client.write_all(b"body").await.unwrap();
        stream.read_exact(&mut four).await.unwrap();
        assert_eq!(&four, b"body");
        state.reading.store(true, Ordering::Relaxed);
        // The clock of the next head begins with its own first byte.
        client.write_all(b"next").await.unwrap();
        stream.read_exact(&mut four).await.unwrap();
        assert_eq!(&four, b"next");
    }

    #[tokio::test(start_paused = true)]
    async fn an_http2_preface_is_waited_for_once_and_not_for_ever() {
        for said in [0, HTTP2_PREFACE - 1, HTTP2_PREFACE] {
            let (mut client, server) = tokio::io::duplex(64);
            let state = Arc::new(HeadState::default());
            let mut stream = HeadTimed::http2(Box::new(server), state, Duration::from_secs(10));
            client.write_all(&vec![b'P'; said]).await.unwrap();
            stream.read_exact(&mut vec![0; said]).await.unwrap();
            let more = tokio::time::timeout(Duration::from_secs(50), stream.read_u8()).await;
            assert_eq!(more.is_err(), said == HTTP2_PREFACE, "after {said} bytes");
        }
    }
}

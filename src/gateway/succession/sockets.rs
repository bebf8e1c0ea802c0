//! The listening sockets: bound before anything is loaded, put into Pingora's table when it starts to listen, and handed
//! to a successor.
//!
//! Pingora would bind them itself, too late to say a sentence about it, and keeps nothing that could be sent safely. A
//! socket that is bound and does not listen yet refuses connections, as one that is not there: who comes while lists are
//! loaded is told so, and does not wait.

use parking_lot::Mutex;
use pingora::server::ListenFds;
use rustix::net::sockopt::{set_socket_reuseaddr, socket_acceptconn};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketFlags, SocketType, bind, recvmsg, sendmsg, socket_with,
};
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::{AsFd, IntoRawFd, OwnedFd};
use std::os::unix::net::UnixStream;

/// Most descriptors in one message, as the kernel has it (`SCM_MAX_FD`).
pub const MOST: usize = 253;

/// Sockets by their address.
#[derive(Debug, Default)]
pub struct Sockets(Mutex<Vec<(SocketAddr, OwnedFd)>>);

impl Sockets {
    /// Those that came from a predecessor.
    pub fn inherited(sockets: Vec<(SocketAddr, OwnedFd)>) -> Sockets {
        Sockets(Mutex::new(sockets))
    }

    /// Keeps only these addresses: a socket that listens and that nobody accepts from swallows connections.
    pub fn keep(&self, addresses: &[SocketAddr]) {
        self.0.lock().retain(|(address, _)| addresses.contains(address));
    }

    /// Binds an address, unless it is there already.
    pub fn bind(&self, address: SocketAddr) -> io::Result<()> {
        let mut sockets = self.0.lock();
        if sockets.iter().any(|(other, _)| *other == address) {
            return Ok(());
        }
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(family, SocketType::STREAM, flags, None)?;
        // Connections that are about to end are in nobody's way.
        set_socket_reuseaddr(&socket, true)?;
        bind(&socket, &address)?;
        sockets.push((address, socket));
        Ok(())
    }

    /// Puts the sockets of these addresses where Pingora looks for them; it makes them listen.
    pub fn give(&self, table: &ListenFds, addresses: &[SocketAddr]) -> io::Result<()> {
        let sockets = self.0.lock();
        for (address, socket) in sockets.iter().filter(|(address, _)| addresses.contains(address)) {
            table.lock().add(address.to_string(), socket.try_clone()?.into_raw_fd());
        }
        Ok(())
    }

    /// Whether connections to all of these are taken.
    pub fn listen(&self, addresses: &[SocketAddr]) -> bool {
        let sockets = self.0.lock();
        addresses.iter().all(|address| {
            let socket = sockets.iter().find(|(other, _)| other == address);
            socket.is_some_and(|(_, socket)| socket_acceptconn(socket).unwrap_or(false))
        })
    }

    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.0.lock().iter().map(|(address, _)| *address).collect()
    }

    /// Sends `first`, if any, and then the sockets, in the order of [`Sockets::addresses`].
    pub fn send(&self, over: &UnixStream, first: Option<&UnixStream>) -> io::Result<()> {
        let sockets = self.0.lock();
        let first = first.into_iter().map(AsFd::as_fd);
        let all: Vec<_> = first.chain(sockets.iter().map(|(_, socket)| socket.as_fd())).collect();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if all.len() > MOST || !ancillary.push(SendAncillaryMessage::ScmRights(&all)) {
            return Err(io::Error::other(format!("at most {MOST} sockets can be handed over")));
        }
        // Descriptors travel with a byte at least.
        sendmsg(over, &[IoSlice::new(b"s")], &mut ancillary, SendFlags::NOSIGNAL)?;
        Ok(())
    }

    /// This process takes no connections any more.
    pub fn close(&self) {
        self.0.lock().clear();
    }
}

/// Receives what [`Sockets::send`] sent.
pub fn receive(over: &UnixStream) -> io::Result<Vec<OwnedFd>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let came = recvmsg(over, &mut [IoSliceMut::new(&mut byte)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    if came.bytes == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut sockets = Vec::new();
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            sockets.extend(descriptors);
        }
    }
    Ok(sockets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    fn free() -> SocketAddr {
        TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
    }

    #[test]
    fn what_is_bound_is_taken_and_refuses_until_somebody_listens() {
        let (sockets, address) = (Sockets::default(), free());
        sockets.bind(address).unwrap();
        sockets.bind(address).expect("it has that one");
        assert!(!sockets.listen(&[address]));
        assert!(TcpStream::connect(address).is_err());
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let error = sockets.bind(taken.local_addr().unwrap()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn sockets_arrive_as_they_were_sent() {
        let (sockets, address) = (Sockets::default(), free());
        sockets.bind(address).unwrap();
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (line, _other) = UnixStream::pair().unwrap();
        sockets.send(&ours, Some(&line)).unwrap();
        let mut received = receive(&theirs).unwrap();
        assert_eq!(received.len(), 2);
        sockets.close();
        let listener = TcpListener::from(received.pop().unwrap());
        assert_eq!(listener.local_addr().unwrap(), address);
        rustix::net::listen(&listener, 8).unwrap();
        TcpStream::connect(address).unwrap();
    }
}

//! A TCP proxy that misbehaves on demand: late, gone, cut.
//!
//! Invariant: a fault applies to bytes that pass after it was set, and setting none heals all.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::JoinHandle,
};

/// What goes wrong.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// Everything arrives later.
    Late(Duration),
    /// Nothing arrives any more, and nobody says so.
    Blackhole,
    /// New connections are closed at once.
    Refuse,
    /// Connections are closed when the answer begins.
    CutAnswers,
}

/// A proxy in front of one address.
pub struct FaultProxy {
    address: SocketAddr,
    fault: Arc<Mutex<Fault>>,
    accepting: JoinHandle<()>,
}

impl FaultProxy {
    /// A proxy on a free port in front of `target`.
    pub async fn before(target: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let fault = Arc::new(Mutex::new(Fault::None));
        let shared = fault.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if current(&shared) != Fault::Refuse {
                    tokio::spawn(pass(client, target, shared.clone()));
                }
            }
        });
        Ok(Self {
            address,
            fault,
            accepting,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What goes wrong from now on.
    pub fn set(&self, fault: Fault) {
        *self
            .fault
            .lock()
            .expect("no code panics while holding the fault") = fault;
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn current(fault: &Mutex<Fault>) -> Fault {
    *fault
        .lock()
        .expect("no code panics while holding the fault")
}

async fn pass(client: TcpStream, target: SocketAddr, fault: Arc<Mutex<Fault>>) {
    let Ok(server) = TcpStream::connect(target).await else {
        return;
    };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        () = copy(from_client, to_server, &fault, false) => {}
        () = copy(from_server, to_client, &fault, true) => {}
    }
}

async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, fault: &Mutex<Fault>, answer: bool) {
    let mut bytes = vec![0; 16 * 1024];
    loop {
        let Ok(read) = from.read(&mut bytes).await else {
            return;
        };
        match current(fault) {
            Fault::Late(by) => tokio::time::sleep(by).await,
            // Swallowed until somebody gives up.
            Fault::Blackhole => continue_only_if(read > 0).await,
            Fault::CutAnswers if answer => return,
            Fault::None | Fault::Refuse | Fault::CutAnswers => {}
        }
        if read == 0 {
            return;
        }
        if current(fault) != Fault::Blackhole && to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}

/// Waits for ever at the end of a stream, so that a blackhole does not close it.
async fn continue_only_if(more: bool) {
    if !more {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (mut from, mut to) = stream.into_split();
                tokio::spawn(async move { tokio::io::copy(&mut from, &mut to).await });
            }
        });
        address
    }

    async fn ask(address: SocketAddr) -> io::Result<usize> {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(b"hello").await?;
        stream.read(&mut [0; 5]).await
    }

    #[tokio::test]
    async fn faults_come_and_go() {
        let proxy = FaultProxy::before(echo().await).await.unwrap();
        assert_eq!(ask(proxy.address()).await.unwrap(), 5);
        proxy.set(Fault::CutAnswers);
        assert!(!matches!(ask(proxy.address()).await, Ok(5)));
        proxy.set(Fault::Blackhole);
        let silent = tokio::time::timeout(Duration::from_millis(50), ask(proxy.address())).await;
        assert!(silent.is_err());
        proxy.set(Fault::None);
        assert_eq!(ask(proxy.address()).await.unwrap(), 5);
    }
}

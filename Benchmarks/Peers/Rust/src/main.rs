//! The tokio peer: `tokio-peer MODE --tcp HOST:PORT [--to HOST:PORT]` on a current_thread runtime.
//!
//! Modes: echo, lines, source, sink, proxy, and udpEcho, which takes `--udp` instead of `--tcp`; echo takes `--unix PATH`, too.

mod services;

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream, UdpSocket, UnixListener};
use tokio::runtime::Builder;
use tokio::signal::unix::{signal, SignalKind};

async fn serve(mode: String, stream: TcpStream, backend: Option<SocketAddr>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    match (mode.as_str(), backend) {
        ("echo", _) => services::echo(stream).await,
        ("lines", _) => services::lines(stream).await,
        ("source", _) => services::source(stream).await,
        ("sink", _) => services::sink(stream).await,
        ("proxy", Some(backend)) => services::proxy(stream, backend).await,
        _ => Err(io::ErrorKind::InvalidInput.into()),
    }
}

async fn accept(mode: String, address: SocketAddr, backend: Option<SocketAddr>) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    println!("listening on tcp {}\nready", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(serve(mode.clone(), stream, backend));
    }
}

async fn accept_unix(path: String) -> io::Result<()> {
    let listener = UnixListener::bind(&path)?;
    println!("listening on unix {path}\nready");
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(services::echo_unix(stream));
    }
}

async fn answer_datagrams(address: SocketAddr) -> io::Result<()> {
    let socket = UdpSocket::bind(address).await?;
    println!("listening on udp {}\nready", socket.local_addr()?);
    services::echo_datagrams(socket).await
}

fn main() -> io::Result<()> {
    let words: Vec<String> = std::env::args().collect();
    let word_after = |name: &str| {
        let place = words.iter().position(|word| word == name)?;
        words.get(place + 1).cloned()
    };
    let after = |name: &str| word_after(name)?.parse::<SocketAddr>().ok();
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut end = signal(SignalKind::terminate())?;
        let path = word_after("--unix");
        match (after("--tcp"), after("--udp"), path.clone()) {
            (Some(address), ..) => tokio::spawn(accept(words[1].clone(), address, after("--to"))),
            (_, Some(address), _) => tokio::spawn(answer_datagrams(address)),
            (.., Some(path)) => tokio::spawn(accept_unix(path)),
            _ => panic!("usage: tokio-peer MODE --tcp HOST:PORT"),
        };
        end.recv().await;
        if let Some(path) = path {
            std::fs::remove_file(path)?;
        }
        Ok(())
    })
}

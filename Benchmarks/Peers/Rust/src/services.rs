//! What is done with a connection.

use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, BufWriter};
use tokio::net::{TcpStream, UdpSocket, UnixStream};

const BLOCK_SIZE: usize = 64 * 1024;

thread_local! {
    /// Needed only between a read and a write, so that one does for all connections.
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; BLOCK_SIZE].into());
}

/// Reads once and writes at once; what the kernel does not take. None at the end of the input.
fn echo_once(
    buffer: &mut [u8],
    read: impl FnOnce(&mut [u8]) -> io::Result<usize>,
    write: impl FnOnce(&[u8]) -> io::Result<usize>,
) -> io::Result<Option<Vec<u8>>> {
    let count = match read(buffer) {
        Ok(0) => return Ok(None),
        Ok(count) => count,
        Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Some(Vec::new())),
        Err(error) => return Err(error),
    };
    let sent = match write(&buffer[..count]) {
        Ok(sent) => sent,
        Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
        Err(error) => return Err(error),
    };
    Ok(Some(buffer[sent..count].to_vec()))
}

/// The two kinds of streams have the same methods and no trait for them.
macro_rules! echo {
    ($name:ident, $stream:ty) => {
        pub async fn $name(mut stream: $stream) -> io::Result<()> {
            loop {
                stream.readable().await?;
                let rest = BUFFER.with(|buffer| {
                    let buffer = &mut *buffer.borrow_mut();
                    echo_once(buffer, |room| stream.try_read(room), |bytes| stream.try_write(bytes))
                })?;
                match rest {
                    None => return Ok(()),
                    Some(rest) if rest.is_empty() => {}
                    Some(rest) => stream.write_all(&rest).await?,
                }
            }
        }
    };
}

echo!(echo, TcpStream);
echo!(echo_unix, UnixStream);

/// Answers each line; flushes when no further line has come.
pub async fn lines(mut stream: TcpStream) -> io::Result<()> {
    let (input, output) = stream.split();
    let (mut input, mut output) = (BufReader::new(input), BufWriter::new(output));
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line).await? > 0 {
        output.write_all(&line).await?;
        line.clear();
        if input.buffer().is_empty() {
            output.flush().await?;
        }
    }
    output.flush().await
}

/// Byte number k is k modulo 256.
pub async fn source(mut stream: TcpStream) -> io::Result<()> {
    let block: Vec<u8> = (0..BLOCK_SIZE).map(|k| k as u8).collect();
    loop {
        stream.write_all(&block).await?;
    }
}

pub async fn sink(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; BLOCK_SIZE];
    let mut total = 0;
    loop {
        match stream.read(&mut buffer).await? {
            0 => return stream.write_all(format!("{total}\n").as_bytes()).await,
            count => total += count,
        }
    }
}

pub async fn proxy(mut client: TcpStream, backend: SocketAddr) -> io::Result<()> {
    let mut server = TcpStream::connect(backend).await?;
    server.set_nodelay(true)?;
    tokio::io::copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

/// One task: it waits for the socket only when that is empty, or full.
pub async fn echo_datagrams(socket: UdpSocket) -> io::Result<()> {
    let mut buffer = vec![0; BLOCK_SIZE];
    loop {
        let (count, sender) = socket.recv_from(&mut buffer).await?;
        socket.send_to(&buffer[..count], sender).await?;
    }
}

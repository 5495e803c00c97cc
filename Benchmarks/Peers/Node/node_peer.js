// The Node peer: node node_peer.js MODE --tcp HOST:PORT [--to HOST:PORT].
//
// Modes: echo, lines, source, sink, proxy, and udpEcho, which takes --udp instead of --tcp;
// echo takes --unix PATH, too.

const dgram = require('dgram');
const net = require('net');

const [mode, transport, address, , backend] = process.argv.slice(2);
const block = Buffer.alloc(64 * 1024, Buffer.from(Array.from({ length: 256 }, (_, k) => k)));

function port(text) {
  const [host, number] = text.split(':');
  return { host, port: Number(number) };
}

const services = {
  echo: (socket) => socket.pipe(socket),

  // Answers each line; what one read brought leaves in one write.
  lines: (socket) => {
    let rest = null;
    socket.on('data', (chunk) => {
      const data = rest ? Buffer.concat([rest, chunk]) : chunk;
      let start = 0;
      socket.cork();
      for (let end; (end = data.indexOf(10, start)) >= 0; start = end + 1) {
        socket.write(data.subarray(start, end + 1));
      }
      socket.uncork();
      rest = start < data.length ? data.subarray(start) : null;
    });
  },

  // Byte number k is k modulo 256.
  source: (socket) => {
    const send = () => { while (socket.write(block)); };
    socket.on('drain', send);
    socket.resume();
    send();
  },

  sink: (socket) => {
    let count = 0;
    socket.on('data', (chunk) => { count += chunk.length; });
    socket.on('end', () => socket.end(`${count}\n`));
  },

  proxy: (socket) => {
    const other = net.connect({ ...port(backend), noDelay: true });
    other.on('error', () => socket.destroy());
    socket.pipe(other).pipe(socket);
  },
};

function serveConnections() {
  const options = { noDelay: true, allowHalfOpen: mode === 'sink' };
  const server = net.createServer(options, (socket) => {
    socket.on('error', () => socket.destroy());
    services[mode](socket);
  });
  const place = transport === '--unix' ? { path: address } : port(address);
  server.listen({ ...place, backlog: 4096 }, () => {
    const bound = server.address();
    console.log(typeof bound === 'string'
      ? `listening on unix ${bound}\nready` : `listening on tcp ${bound.address}:${bound.port}\nready`);
  });
  // Removes the path of a Unix socket.
  process.on('exit', () => server.close());
}

function answerDatagrams() {
  const socket = dgram.createSocket({ type: 'udp4' });
  socket.on('message', (bytes, { address: host, port: number }) => socket.send(bytes, number, host));
  const { host, port: number } = port(address);
  socket.bind(number, host, () => {
    console.log(`listening on udp ${host}:${socket.address().port}\nready`);
  });
}

if (mode === 'udpEcho') answerDatagrams(); else serveConnections();
process.on('SIGTERM', () => process.exit(0));

"""What stands between the daemon and its upstreams in tests: a proxy, a forwarder, a web server in front."""

import base64
import contextlib
import select
import socket
import ssl
import subprocess
import threading

from setting import wait_for

NGINX = """\
daemon off;
user root;
pid {directory}/nginx.pid;
events {{}}
http {{
        log_format line '$server_protocol $status $ssl_client_s_dn $request_uri';
        access_log {directory}/access.log line;
        client_body_temp_path {directory}/body;
        proxy_temp_path {directory}/proxy;
        fastcgi_temp_path {directory}/fastcgi;
        uwsgi_temp_path {directory}/uwsgi;
        scgi_temp_path {directory}/scgi;
        ssl_certificate {certificate};
        ssl_certificate_key {certificate};
        {options}
{servers}
}}
"""
SERVER = """\
        server {{
                listen 127.0.0.1:{port} ssl;
                {content}
        }}
"""


def pump(one, other):
    """Carries bytes both ways until either side ends."""
    with contextlib.suppress(OSError):
        while True:
            for ready in select.select([one, other], [], [])[0]:
                data = ready.recv(1 << 16)
                if not data:
                    return
                (other if ready is one else one).sendall(data)


class Listener:
    """A thread for each connection to a loopback address."""

    def __init__(self, address="127.0.0.1"):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.socket = socket.create_server((address, 0), family=family)
        self.port = self.socket.getsockname()[1]
        self.n_connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.socket.accept()
                self.n_connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection, contextlib.suppress(OSError, ssl.SSLError):
            self.serve(connection)

    def serve(self, connection):
        raise NotImplementedError

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


class Forwarder(Listener):
    """Every connection goes on to another port."""

    def __init__(self, address, port):
        super().__init__(address)
        self.target = port

    def serve(self, connection):
        with socket.create_connection(("127.0.0.1", self.target)) as onward:
            pump(connection, onward)


class Proxy(Listener):
    """CONNECT alone. `login`: "user:password" that it demands; `certificate`: speaks TLS itself."""

    def __init__(self, login=None, certificate=None):
        super().__init__()
        self.wanted = f"Basic {base64.b64encode(login.encode()).decode()}" if login else None
        self.targets, self.refused = [], []
        self.context = None
        if certificate:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(certificate)

    def serve(self, connection):
        if self.context is None:
            return self.talk(connection)
        with self.context.wrap_socket(connection, server_side=True) as secured:
            return self.talk(secured)

    def talk(self, connection):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            piece = connection.recv(1)
            if not piece:
                return
            head += piece
        request, *lines = head.decode("latin-1").rstrip().split("\r\n")
        method, target, _ = request.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if method != "CONNECT" or (self.wanted and headers.get("proxy-authorization") != self.wanted):
            self.refused.append(target)
            status = "407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=proxy"
            connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())
            return
        self.targets.append(target)
        host, _, port = target.rpartition(":")
        with socket.create_connection((host.strip("[]"), int(port))) as onward:
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            if self.context is None:
                pump(connection, onward)
            else:
                self.pump_secured(connection, onward)

    @staticmethod
    def pump_secured(secured, onward):
        """TLS keeps bytes back that select() does not see: each way has a thread."""

        def carry(source, sink):
            with contextlib.suppress(OSError, ssl.SSLError):
                while data := source.recv(1 << 14):
                    sink.sendall(data)
                sink.shutdown(socket.SHUT_WR)

        back = threading.Thread(target=carry, args=(onward, secured), daemon=True)
        back.start()
        carry(secured, onward)
        back.join()


def free_ports(n):
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def proxied(target):
    """The content of a server of nginx: another one."""
    return f"location / {{ proxy_pass {target}; proxy_set_header Host $proxy_host; }}"


@contextlib.contextmanager
def nginx(directory, certificate, contents, options=""):
    """A server for each content; gives their addresses and a function that reads the log as lists of words."""
    directory.mkdir()
    ports = free_ports(len(contents))
    servers = [SERVER.format(port=port, content=content) for port, content in zip(ports, contents, strict=True)]
    text = NGINX.format(directory=directory, certificate=certificate, options=options, servers="".join(servers))
    (directory / "nginx.conf").write_text(text)
    command = ["nginx", "-p", str(directory), "-c", str(directory / "nginx.conf"), "-e", "stderr"]
    with open(directory / "log", "wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def listens():
        assert process.poll() is None, (directory / "log").read_text()
        with socket.socket() as connection:
            return connection.connect_ex(("127.0.0.1", ports[0])) == 0

    def requests():
        return [line.split(" ") for line in (directory / "access.log").read_text().splitlines()]

    try:
        wait_for(listens, 20, "nginx")
        yield [f"https://localhost:{port}" for port in ports], requests
    finally:
        process.terminate()
        process.wait(20)

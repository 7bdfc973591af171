"""The control interface by hand, so that every reply is seen as it comes."""

import json
import socket

INTERFACE = "io.defdev.opendepot."


class Link:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(str(path))
        self.received = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, method, parameters=None, **flags):
        """A call; a method without an interface is one of ours."""
        name = method if "." in method else INTERFACE + method
        self.socket.sendall(json.dumps({"method": name, "parameters": parameters or {}} | flags).encode() + b"\0")

    def receive(self):
        """The next message; None when the daemon has closed the connection."""
        while b"\0" not in self.received:
            piece = self.socket.recv(1 << 16)
            if not piece:
                return None
            self.received += piece
        message, self.received = self.received.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, **parameters):
        self.send(method, parameters)
        return self.receive()

    def follow(self, method, **parameters):
        """Starts a call that is answered bit by bit, and returns its first event."""
        self.send(method, parameters, more=True)
        return self.event()

    def event(self):
        message = self.receive()
        assert message is not None and "error" not in message, message
        return message["parameters"]["event"] | {"continues": message.get("continues", False)}

    def until(self, wanted):
        """Events up to the first that is wanted."""
        events = [self.event()]
        while not wanted(events[-1]):
            events.append(self.event())
        return events

    def rest(self):
        """Events up to the last of the call."""
        return self.until(lambda event: not event["continues"])


def error_of(message):
    """Name and parameters of an error, without our interface's name."""
    return message["error"].removeprefix(INTERFACE), message.get("parameters", {})

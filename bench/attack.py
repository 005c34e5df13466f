#!/usr/bin/env python3
"""Opens slow senders and clients that do not read, and prints the peak memory of Roster.

    bench/attack.py [--binary target/release/roster] [--senders 1500] [--readers 80]

Starts `roster dev --ephemeral` for each attack. A caller with small requests runs beside it; its failures and its
slowest request are printed too. Exits with 1 if the memory exceeds --limit megabytes or the caller fails. Needs
Python 3 only; raise `ulimit -n` above the number of connections.
"""

import argparse
import asyncio
import http.client
import json
import resource
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse

BODY = 1_048_576


def memory(pid):
    """Current and peak resident memory in megabytes."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        fields = dict(line.split(":", 1) for line in status)
    return tuple(int(fields[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))


class Roster:
    def __init__(self, binary):
        command = [binary, "dev", "--ephemeral", "--json", "--http", "127.0.0.1:0", "--https", "127.0.0.1:0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.ready = json.loads(self.process.stdout.readline())
        self.address = urllib.parse.urlsplit(self.ready["url"]).netloc.split(":")
        self.tls_address = urllib.parse.urlsplit(self.ready["https_url"]).netloc.split(":")

    def call(self, method, path, body=None):
        connection = http.client.HTTPConnection(*self.address, timeout=60)
        headers = {"authorization": "Bearer " + self.ready["token"], "content-type": "application/json"}
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        response = connection.getresponse()
        answer = (response.status, response.read())
        connection.close()
        return answer

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Caller(threading.Thread):
    """Reads and changes a user until it is stopped."""

    def __init__(self, roster):
        super().__init__(daemon=True)
        self.roster, self.stopped = roster, False
        self.calls, self.failures, self.slowest = 0, [], 0.0
        email = f"caller{time.time_ns()}@example.com"
        user = {"connection": "Username-Password-Authentication", "email": email, "password": "Correct-Horse-1"}
        self.path = "/api/v2/users/" + urllib.parse.quote(json.loads(roster.call("POST", "/api/v2/users", user)[1])["user_id"])

    def run(self):
        while not self.stopped:
            started = time.monotonic()
            for method, body in (("GET", None), ("PATCH", {"user_metadata": {"n": self.calls}})):
                try:
                    status = self.roster.call(method, self.path, body)[0]
                except OSError as error:
                    status = error
                self.calls += 1
                if status != 200:
                    self.failures.append(status)
            self.slowest = max(self.slowest, time.monotonic() - started)
            time.sleep(0.1)


async def slow_senders(roster, count):
    """All but the last byte of a body of 1 MiB to an endpoint without a token; then silence."""
    head = (f"POST /dbconnections/signup HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
            f"content-length: {BODY}\r\n\r\n").encode()
    part = b'{"a":"' + b"x" * (BODY - 7)
    statuses, held = {}, []

    async def send():
        started = time.monotonic()
        try:
            reader, writer = await asyncio.open_connection(*roster.address)
            writer.write(head + part)
            status = (await reader.readline())[9:12].decode() or "closed"
            writer.close()
        except OSError as error:
            status = type(error).__name__
        statuses[status] = statuses.get(status, 0) + 1
        held.append(time.monotonic() - started)

    await asyncio.gather(*(send() for _ in range(count)))
    print(f"  responses: {statuses}, held for at most {max(held):.1f} s")


def non_readers(roster, count, encrypted):
    """Pipelined requests for a list of 13 MB, of which nothing is read."""
    for n in range(100):
        user = {"connection": "Username-Password-Authentication", "email": f"reader{n}@example.com",
                "password": "Correct-Horse-1", "user_metadata": {"text": "x" * 130_000}}
        assert roster.call("POST", "/api/v2/users", user)[0] == 201
    size = len(roster.call("GET", "/api/v2/users?per_page=100")[1])
    request = (f"GET /api/v2/users?per_page=100 HTTP/1.1\r\nhost: localhost\r\n"
               f"authorization: Bearer {roster.ready['token']}\r\n\r\n").encode()
    context = ssl.create_default_context(cafile=roster.ready["ca_file"])
    before, sockets = memory(roster.ready["pid"])[0], []
    for _ in range(count):
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(30)
        address = roster.tls_address if encrypted else roster.address
        connection.connect((address[0], int(address[1])))
        if encrypted:
            connection = context.wrap_socket(connection, server_hostname="localhost")
        connection.sendall(request * 8)
        sockets.append(connection)
    started = time.monotonic()
    print(f"  {count} requests for {size / 1e6:.1f} MB, {before:.0f} MB before")
    is_open = lambda s: s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
    alive = list(sockets)
    while alive and time.monotonic() - started < 90:
        alive = [connection for connection in alive if is_open(connection)]
        time.sleep(0.5)
    print(f"  closed by Roster: {count - len(alive)} of {count} within {time.monotonic() - started:.0f} s")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--binary", default="target/release/roster")
    arguments.add_argument("--senders", type=int, default=1500)
    arguments.add_argument("--readers", type=int, default=80)
    arguments.add_argument("--limit", type=int, default=300)
    options = arguments.parse_args()
    files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files[1], files[1]))
    attacks = {
        f"{options.senders} slow senders": lambda roster: asyncio.run(slow_senders(roster, options.senders)),
        f"{options.readers} clients that do not read": lambda roster: non_readers(roster, options.readers, False),
        f"{options.readers} of them over TLS": lambda roster: non_readers(roster, options.readers, True),
    }
    failed = False
    for name, attack in attacks.items():
        print(name)
        roster = Roster(options.binary)
        try:
            caller = Caller(roster)
            caller.start()
            attack(roster)
            caller.stopped = True
            caller.join()
            now, peak = memory(roster.ready["pid"])
            print(f"  memory: peak {peak:.0f} MB, afterwards {now:.0f} MB")
            print(f"  the caller: {caller.calls} requests, failures {caller.failures[:5]}, slowest pair {caller.slowest:.2f} s")
            failed |= peak > options.limit or bool(caller.failures)
        finally:
            roster.stop()
    sys.exit(failed)


if __name__ == "__main__":
    main()

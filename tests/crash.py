#!/usr/bin/env python3
"""Kills Roster and PostgreSQL under load, and checks that no acknowledged change is lost.

    tests/crash.py                  20 kills with the debug binary: a check
    tests/crash.py --kills 1000     the proof, some ten minutes with a release binary (--binary target/release/roster)

Writers change users through the API while `kill -9` hits `roster serve`, the PostgreSQL server, or one of its
backends, in random order. After each kill both are started again. A writer numbers the changes of its user, so that
the user shows which of them arrived:

- an acknowledged PATCH is in the document and in the journal, once, before its successors;
- an acknowledged creation is there, with its journal row; a user without a journal row does not exist;
- a PATCH without an answer happened whole or not at all.

Needs a built Roster, PostgreSQL and Python 3.
"""
import argparse, contextlib, glob, http.client, json, os, pwd, random, shutil, signal, socket, subprocess, sys, tempfile, threading, time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def run(*command, **more):
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE, **more).stdout


class Store:
    """A durable PostgreSQL and Roster, both of which can be killed."""

    def __init__(self, binary):
        self.binary = os.path.abspath(binary)
        self.home = tempfile.mkdtemp(prefix="roster-crash-")
        os.chmod(self.home, 0o755)
        bin = next(b for b in sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True) + [""] if not b or os.path.exists(b + "/initdb"))
        os.environ["PATH"] = bin + os.pathsep + os.environ["PATH"]
        self.as_user = []
        if os.getuid() == 0:  # PostgreSQL does not run as root.
            account = next(name for name in ("postgres", "nobody") if any(p.pw_name == name for p in pwd.getpwall()))
            self.as_user = ["runuser", "-u", account, "--"]
            shutil.chown(self.home, account)
        self.data = os.path.join(self.home, "data")
        run(*self.as_user, "initdb", "-D", self.data, "-A", "trust", "-U", "roster", "--locale=C.UTF-8", "--encoding=UTF8", "--data-checksums")
        self.roster = None
        self.start_postgres()
        self.env = {**os.environ, "DATABASE_URL": f"postgres://roster@localhost/postgres?host={self.home}", "RUST_LOG": "error",
                    "ROSTER__SECRETS__KEY": "A" * 43 + "=", "ROSTER_CONFIG_DIR": os.path.join(ROOT, "config")}
        self.command("migrate")
        self.command("tenant", "apply", os.path.join(ROOT, "config/tenants/dev.toml"))
        self.token = self.command("token", "--tenant", "dev", "--lifetime", "86400").strip()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.start_roster()

    def command(self, *arguments):
        return run(self.binary, *arguments, env=self.env, cwd=self.home)

    def start_postgres(self):
        """Starts PostgreSQL, as soon as no process of the killed server is left."""
        command = [*self.as_user, "pg_ctl", "-D", self.data, "-l", os.path.join(self.home, "postgres.log"), "-w", "-t", "60", "start",
                   "-o", f"-k {self.home} -c listen_addresses='' -c restart_after_crash=on"]
        while subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
            time.sleep(0.02)
        self.postmaster = int(open(os.path.join(self.data, "postmaster.pid")).readline())

    def start_roster(self):
        log = open(os.path.join(self.home, "roster.log"), "a")
        self.roster = subprocess.Popen([self.binary, "serve", "--loopback-tenant", "dev", "--http", f"127.0.0.1:{self.port}"],
                                       env=self.env, stdout=log, stderr=log, cwd=self.home)

    def sql(self, text):
        """Runs a query, when PostgreSQL accepts connections again."""
        command = ["psql", "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-c", text, f"postgres:///postgres?host={self.home}&user=roster"]
        for _ in range(600):
            done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            if done.returncode != 2:  # 2: no connection
                break
            time.sleep(0.1)
        if done.returncode:
            sys.exit(f"psql: {done.stderr}")
        return done.stdout.strip()

    def wait_until_ready(self):
        began = time.monotonic()
        while time.monotonic() - began < 60:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self.request("GET", "/health/ready")[0] == 200:
                    return
            if not os.path.exists(f"/proc/{self.postmaster}"):
                # The killed child was the one that recovers the database, whose death ends the server.
                self.start_postgres()
            if self.roster.poll() is not None:
                sys.exit("roster ended: " + open(os.path.join(self.home, "roster.log")).read()[-2000:])
            time.sleep(0.01)
        sys.exit("not ready within a minute")

    def request(self, method, path, body=None, connection=None):
        connection = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request(method, path, body and json.dumps(body),
                           {"authorization": f"Bearer {self.token}", "content-type": "application/json"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or "null")

    def kill(self):
        """Kills one of the processes and starts it again."""
        kind = random.choice(["roster", "postgres", "backend"])
        if kind == "roster":
            self.roster.kill()
            self.roster.wait()
            self.start_roster()
        elif kind == "postgres":
            os.kill(self.postmaster, signal.SIGKILL)
            self.start_postgres()
        else:
            children = subprocess.run(["pgrep", "-P", str(self.postmaster)], text=True, stdout=subprocess.PIPE).stdout.split()
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(random.choice(children)), signal.SIGKILL)
        self.wait_until_ready()
        return kind

    def stop(self):
        self.roster.kill()
        self.roster.wait()
        subprocess.run([*self.as_user, "pg_ctl", "-D", self.data, "-m", "immediate", "stop"], stdout=subprocess.DEVNULL)
        shutil.rmtree(self.home, ignore_errors=True)


class Writer(threading.Thread):
    """Creates users and changes the last one, one request after the other."""

    def __init__(self, store, number):
        super().__init__(daemon=True)
        self.store, self.number, self.stopping = store, number, False
        self.users = []  # [id, number of the last acknowledged change, number of the last attempted one]
        self.refused, self.unanswered, self.failure = 0, 0, None

    def run(self):
        connection, attempt = None, 0
        while not self.stopping:
            connection = connection or http.client.HTTPConnection("127.0.0.1", self.store.port, timeout=30)
            attempt += 1
            try:
                if not self.users or attempt % 25 == 0:
                    body = {"connection": "Username-Password-Authentication", "password": "Correct-Horse-1", "email_verified": True,
                            "email": f"writer{self.number}-{attempt}@example.com", "user_metadata": {"n": 0}}
                    status, user = self.store.request("POST", "/api/v2/users", body, connection)
                    if status == 201:
                        self.users.append([user["user_id"], 0, 0])
                else:
                    user = self.users[-1]
                    user[2] += 1
                    path = "/api/v2/users/" + user[0].replace("|", "%7C")
                    status, _ = self.store.request("PATCH", path, {"user_metadata": {"n": user[2], f"k{user[2] % 5}": user[2]}}, connection)
                    if status == 200:
                        user[1] = user[2]
                if status == 503:
                    self.refused += 1
                    time.sleep(0.01)
                elif status not in (200, 201):
                    self.failure = f"status {status}"
                    return
            except (OSError, http.client.HTTPException):
                connection = None
                self.unanswered += 1
                time.sleep(0.01)


def check(store, writers):
    """Compares the documents and the journal with what the writers know; the faults."""
    documents = json.loads(store.sql("select coalesce(json_object_agg(user_id, user_metadata), '{}') from users where tenant_id = 'dev'"))
    entries = json.loads(store.sql("""
        select coalesce(json_object_agg(subject, changes), '{}') from (
            select subject, json_agg(changes -> 'user_metadata' -> 'n' -> 'after' order by transaction_id, entry_id) as changes
              from journal where tenant_id = 'dev' and kind in ('user.created', 'user.updated') group by subject) s"""))
    faults = [f"{id}: no journal row" for id in documents if id not in entries]
    faults += [f"{id}: a journal row without the user" for id in entries if id not in documents]
    for user_id, acknowledged, attempted in (user for writer in writers for user in writer.users):
        document, numbers = documents.get(user_id), entries.get(user_id, [])
        if document is None:
            faults.append(f"{user_id}: acknowledged and gone")
            continue
        if not acknowledged <= document["n"] <= attempted:
            faults.append(f"{user_id}: {document['n']} is stored, {acknowledged} acknowledged, {attempted} attempted")
        if numbers != sorted(set(numbers)) or numbers[-1] != document["n"]:
            faults.append(f"{user_id}: the journal has {numbers}")
        expected = {f"k{n % 5}": n for n in numbers if n}
        if {key: value for key, value in document.items() if key != "n"} != expected:
            faults.append(f"{user_id}: {document} after the changes {numbers}")
    return faults


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--writers", type=int, default=8)
    parser.add_argument("--binary", default=os.path.join(os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target")), "debug/roster"))
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args()
    random.seed(options.seed)
    store = Store(options.binary)
    try:
        store.wait_until_ready()
        writers = [Writer(store, number) for number in range(options.writers)]
        for writer in writers:
            writer.start()
        kinds, began = {}, time.monotonic()
        for kill in range(1, options.kills + 1):
            time.sleep(random.uniform(0.05, 0.4))
            kind = store.kill()
            kinds[kind] = kinds.get(kind, 0) + 1
            if kill % 50 == 0:
                print(f"{kill} kills, {sum(u[1] for w in writers for u in w.users):,} changes acknowledged, {time.monotonic() - began:.0f} s", flush=True)
        for writer in writers:
            writer.stopping = True
        for writer in writers:
            writer.join()
        # The last change may have run without an answer and may still be on its way to its end.
        store.kill()
        faults = [f"writer {w.number}: {w.failure}" for w in writers if w.failure] + check(store, writers)
        users = [user for writer in writers for user in writer.users]
        print(f"{options.kills} kills ({', '.join(f'{count} of {kind}' for kind, count in sorted(kinds.items()))}) in {time.monotonic() - began:.0f} s, "
              f"seed {options.seed}\nacknowledged: {len(users):,} creations, {sum(user[1] for user in users):,} changes; without an answer: "
              f"{sum(w.unanswered for w in writers):,}; refused with 503: {sum(w.refused for w in writers):,}\nlost or torn: {len(faults)}")
        for fault in faults[:20]:
            print("  " + fault)
        sys.exit(1 if faults else 0)
    finally:
        store.stop()


if __name__ == "__main__":
    main()

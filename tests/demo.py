"""The main job from end to end, inside the development root, for tests/demo: demo.py BUILD-DIRECTORY [--live]."""

import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile

from setting import run, settings, wait_for, why_missing
from simulator.certificates import make_contexts
from simulator.client import Simulator

DEMO_DEPOT = """\
apiVersion: opendepot.defdev.io/v1alpha1
kind: Depot
metadata: {name: demo, namespace: platform}
spec:
  global:
    moduleConfig: {fileFormat: zip, immutable: true}
  moduleConfigs:
    - name: terraform-aws-vpc
      provider: aws
      repoOwner: terraform-aws-modules
      versionConstraints: ">= 5.0.0"
    - name: terraform-aws-eks
      provider: aws
      repoOwner: terraform-aws-modules
      versionConstraints: ">= 21.10.1, != 21.13.0"
      fileFormat: tar
  providerConfigs:
    - name: aws
      operatingSystems: [linux]
      architectures: [amd64, arm64]
      versionConstraints: ">= 5.80.0"
    - name: "null"
      operatingSystems: [linux, darwin]
      architectures: [amd64, arm64]
      versionConstraints: "~> 3.1"
      versionHistoryLimit: 2
"""
LIVE_DEPOT = """\
apiVersion: opendepot.defdev.io/v1alpha1
kind: Depot
metadata: {name: demo, namespace: platform}
spec:
  moduleConfigs:
    - name: terraform-aws-vpc
      provider: aws
      repoOwner: terraform-aws-modules
      versionConstraints: "~> 6.0"
      versionHistoryLimit: 2
  providerConfigs:
    - name: random
      operatingSystems: [linux]
      architectures: [amd64, arm64]
      versionConstraints: "~> 3.7"
      versionHistoryLimit: 2
    - name: "null"
      operatingSystems: [linux]
      architectures: [amd64, arm64]
      versionConstraints: ">= 3.2.0"
      versionHistoryLimit: 2
"""
NGINX = """\
daemon off;
user root;
pid nginx.pid;
events {{}}
http {{
        access_log off;
        types {{ application/json json; application/zip zip; }}
        server {{
                listen 127.0.0.1:{port} ssl;
                ssl_certificate {certificate};
                ssl_certificate_key {certificate};
                root {root};
        }}
}}
"""
CLIENTS = ("terraform", "tofu")
CONFIGURATION = """\
terraform {{
  required_providers {{
    {name} = {{ source = "hashicorp/{name}" }}
  }}
}}
"""
CLIENT_CONFIGURATION = """\
provider_installation {{
  network_mirror {{ url = "https://localhost:{port}/" }}
}}
"""


def say(text):
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n{text}", flush=True)


class Demo:
    def __init__(self, build, live, directory):
        self.build, self.live, self.directory = build, live, directory
        self.processes = []
        self.upstream = Simulator(directory / "simulator", arguments=["--demo"])
        self.socket = directory / "run/io.defdev.opendepot"
        self.store = directory / "state/store"

    def start(self, name, *command):
        log = open(self.directory / f"{name}.log", "wb")  # pylint: disable=consider-using-with
        words = [str(word) for word in command]
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.processes.append((name, process))

    def stop(self):
        for _, process in reversed(self.processes):
            process.terminate()
        for name, process in self.processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                print(f"{name} did not stop in time and was killed", file=sys.stderr)
        self.upstream.stop()

    def show_logs(self):
        for name, process in self.processes:
            state = "runs" if process.poll() is None else f"ended with status {process.returncode}"
            lines = (self.directory / f"{name}.log").read_text(errors="replace").splitlines()
            print(f"--- {name} ({state})", *lines[-30:], sep="\n", file=sys.stderr)

    def ready(self, condition, seconds, what):
        def look():
            dead = [name for name, process in self.processes if process.poll() is not None]
            if dead:
                raise RuntimeError(f"{', '.join(dead)} ended too early")
            return condition()

        return wait_for(look, seconds, what)

    def ctl(self, *arguments):
        say(f"# opendepotctl {' '.join(arguments)}")
        command = [self.build / "ctl/opendepotctl", f"--socket={self.socket}", *arguments]
        subprocess.run(command, stdin=subprocess.DEVNULL, check=True)

    def configure(self):
        configuration = self.directory / "etc"
        (configuration / "conf.d").mkdir(parents=True)
        for name in ("state", "run"):
            (self.directory / name).mkdir()
        if self.live:
            document = LIVE_DEPOT
            (self.directory / "simulator").mkdir()
            make_contexts(self.directory / "simulator", "localhost")
        else:
            document = DEMO_DEPOT
            say("Starting the upstream simulator")
            self.upstream.start()
            (configuration / "opendepot.yaml").write_text(settings(self.upstream.endpoints))
        (configuration / "conf.d/demo.yaml").write_text(document)
        say(f"# cat {configuration}/conf.d/demo.yaml")
        print(document, flush=True)

    def serve(self):
        """The store's providers as static files over TLS; returns the port."""
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        configuration = self.directory / "nginx.conf"
        certificate = self.directory / "simulator/tls/good.pem"
        configuration.write_text(NGINX.format(port=port, certificate=certificate, root=self.store / "providers"))
        self.start("nginx", "nginx", "-p", self.directory, "-c", configuration, "-e", "stderr")

        def answers():
            with socket.socket() as connection:
                return connection.connect_ex(("127.0.0.1", port)) == 0

        self.ready(answers, 20, "nginx")
        return port

    def install(self, program, port):
        version = run(program, "version", env=os.environ | {"CHECKPOINT_DISABLE": "1"}).stdout.splitlines()[0]
        work = self.directory / program
        work.mkdir()
        (work / "main.tf").write_text(CONFIGURATION.format(name="null"))
        configuration = self.directory / f"{program}.rc"
        configuration.write_text(CLIENT_CONFIGURATION.format(port=port))
        say(f"# {program} init    ({version}; provider_installation: network_mirror https://localhost:{port}/)")
        environment = os.environ | {
            "TF_CLI_CONFIG_FILE": str(configuration),
            "SSL_CERT_FILE": str(self.directory / "simulator/ca.pem"),
            "CHECKPOINT_DISABLE": "1",
        }
        subprocess.run(
            [program, "init", "-no-color", "-input=false"],
            cwd=work,
            env=environment,
            stdin=subprocess.DEVNULL,
            check=True,
        )

    def run(self):
        self.configure()
        say("Starting opendepotd")
        self.start(
            "opendepotd",
            self.build / "daemon/opendepotd",
            f"--config-directory={self.directory}/etc",
            f"--state-directory={self.directory}/state",
            f"--runtime-directory={self.directory}/run",
            f"--worker={self.build}/daemon/opendepot-worker",
        )
        self.ready(self.socket.exists, 20, "the daemon's socket")
        self.ctl("sync", "--wait")
        self.ctl("status")
        self.ctl("list")
        self.ctl("show", "hashicorp/null")
        status = json.loads(
            run(self.build / "ctl/opendepotctl", f"--socket={self.socket}", "--json=short", "status").stdout
        )
        if status.get("status", status)["packagesFailed"] != 0:
            raise RuntimeError("not every package is up to date")
        say("The store, served by nginx as static files")
        tree = sorted(path.relative_to(self.store) for path in self.store.rglob("*") if path.is_file())
        print(*tree, sep="\n", flush=True)
        port = self.serve()
        clients = [program for program in CLIENTS if shutil.which(program)]
        for program in clients:
            self.install(program, port)
        if not clients:
            reasons = "; ".join(why_missing(program) for program in CLIENTS)
            say(f"An installation from the store is not shown: {reasons}")


def main():
    build, live = pathlib.Path(sys.argv[1]), "--live" in sys.argv[2:]
    with tempfile.TemporaryDirectory(prefix="opendepot-demo-") as directory:
        demo = Demo(build, live, pathlib.Path(directory))
        try:
            demo.run()
        except (RuntimeError, TimeoutError, subprocess.CalledProcessError) as error:
            demo.show_logs()
            sys.exit(f"demo: {error}")
        finally:
            demo.stop()
    say("The demo ran to its end.")


if __name__ == "__main__":
    main()

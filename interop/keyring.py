"""GNOME Keyring, as published, keeps the key that seals a twin's state; secret-tool reads it there.

    python keyring.py PROGRAM ROOM

A session bus and a keyring daemon of its own, without a screen. Nothing of it is left afterwards.
"""

import base64
import os
import pathlib
import subprocess
import sys

from stage import DOUG, PATIENCE, Checks, Stage, eventually

PROGRAM, ROOM = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
COLLECTION = "/org/freedesktop/secrets/collection/login"


class Session:
    """A bus, and a keyring that is open."""

    def __init__(self):
        run = ROOM / "run"
        run.mkdir(mode=0o700)
        os.environ["XDG_RUNTIME_DIR"] = str(run)
        os.environ.pop("DISPLAY", None)
        self.bus = subprocess.Popen(
            ["dbus-daemon", "--session", "--nofork", "--print-address=1"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=open(ROOM / "bus.err", "w"),
            text=True,
        )
        os.environ["DBUS_SESSION_BUS_ADDRESS"] = self.bus.stdout.readline().strip()
        self.keyring = subprocess.Popen(
            ["gnome-keyring-daemon", "--unlock", "--components=secrets", "--foreground"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=open(ROOM / "keyring.err", "w"),
        )
        self.keyring.stdin.write(b"sesame")
        self.keyring.stdin.close()
        try:
            eventually("the keyring is there", lambda: self.there() or None)
        except BaseException:
            self.close()
            raise

    def there(self):
        # Asking the keyring itself would have the bus start another one, which is locked.
        bus, name = "org.freedesktop.DBus", "string:org.freedesktop.secrets"
        return "true" in self.call(bus, "/", f"{bus}.NameHasOwner", name).stdout

    def call(self, to, at, *words):
        return subprocess.run(
            ["dbus-send", "--session", "--print-reply", f"--dest={to}", at, *words],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )

    def lock(self):
        lock = ("org.freedesktop.Secret.Service.Lock", f"array:objpath:{COLLECTION}")
        locked = self.call("org.freedesktop.secrets", "/org/freedesktop/secrets", *lock)
        assert locked.returncode == 0 and COLLECTION in locked.stdout, locked

    def close(self):
        for process in (self.keyring, self.bus):
            process.kill()
            process.wait()


def subtwin(*words):
    return subprocess.run(
        [PROGRAM, *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def refused(part, *words):
    done = subtwin(*words)
    assert done.returncode == 1 and part in done.stderr, (words, done.stderr)


def kept(name):
    found = subprocess.run(
        ["secret-tool", "lookup", "service", "subtwin", "username", name],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    return found.stdout or None


def made():
    """A key that the program makes is read by a client of libsecret."""
    assert kept("contoso") is None
    done = subtwin("keys", "new", "--keyring", "contoso")
    assert done.returncode == 0, done.stderr
    key = kept("contoso")
    assert len(base64.b64decode(key, validate=True)) == 32, "it is not 32 bytes"
    assert key not in done.stdout + done.stderr
    refused("is not replaced", "keys", "new", "--keyring", "contoso")
    assert kept("contoso") == key


def store(name, text):
    subprocess.run(
        ["secret-tool", "store", f"--label={name}", "service", "subtwin", "username", name],
        input=text,
        text=True,
        check=True,
        timeout=PATIENCE,
    )


def keyed(stage, setting):
    """Puts another place of the key into the configuration."""
    text = stage.config.read_text()
    lines = [setting if line.startswith("key_") else line for line in text.splitlines()]
    assert setting in lines, text
    stage.config.write_text("\n".join(lines) + "\n")


def moved(stage):
    """A twin's state moves from a file into the keyring, and the twin works."""
    stage.stop()
    stage.run("keys", "rewrap", "--config", stage.config, "--to-keyring", "contoso")
    refused("is not the one", "run", "--config", stage.config)
    keyed(stage, 'key_in_keyring = "contoso"')
    (stage.room / "twin.key").unlink()
    stage.start()
    stage.ask(DOUG, "who is Owen Price?", "owen.price@contoso.com")
    stage.stop()


def foreign(stage):
    """A key that libsecret's client put there is taken; what is no key, or not there, is not."""
    store("theirs", base64.b64encode(os.urandom(32)).decode())
    stage.run("keys", "rewrap", "--config", stage.config, "--to-keyring", "theirs")
    keyed(stage, 'key_in_keyring = "theirs"')
    stage.start()
    stage.stop()
    store("nonsense", "hunter2")
    keyed(stage, 'key_in_keyring = "nonsense"')
    refused("is not one key", "run", "--config", stage.config)
    keyed(stage, 'key_in_keyring = "nowhere"')
    refused("holds nothing named `nowhere`", "run", "--config", stage.config)
    keyed(stage, 'key_in_keyring = "theirs"')


def locked(stage, session):
    """A keyring that stays locked stops the start, and says so."""
    session.lock()
    refused("the keyring is locked", "run", "--config", stage.config)
    refused("the keyring is locked", "keys", "new", "--keyring", "other")


def gone(stage, session):
    """So does one that is not there."""
    session.close()
    refused("no keyring answers", "run", "--config", stage.config)


def main():
    checks, session = Checks(), Session()
    stage = None
    try:
        checks.run("a key it made is read by secret-tool, and is not replaced", made)
        stage = Stage(PROGRAM, ROOM)
        checks.run("a state moves from a file into the keyring", lambda: moved(stage))
        checks.run("a key that secret-tool stored is taken", lambda: foreign(stage))
        checks.run("a locked keyring is said to be locked", lambda: locked(stage, session))
        checks.run("without a keyring it is said that none answers", lambda: gone(stage, session))
    finally:
        if stage:
            stage.close()
        session.close()
    sys.exit(checks.failed)


main()

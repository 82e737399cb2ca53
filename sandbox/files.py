"""A real SFTP server on the loopback address that serves one folder, with faults on demand. Needs paramiko.

Faults are named when they are asked for: ``server.fault("disk_full", after=1000)``; each happens ``times`` times.

    disk_full   a write beyond `after` bytes of a file fails
    cut         the connection ends when `after` bytes of a file were read
    cut_after   the connection ends right behind a rename that was carried out: nobody hears that it was
    silent      a stat is not answered for `seconds`
"""

import errno
import logging
import os
import shutil
import socket
import tempfile
import threading
import time
from pathlib import Path

import paramiko

USER = "odoo"
PASSWORD = "sandbox-password"
_CHANNEL = "integration_flow_sandbox.files"
logging.getLogger(_CHANNEL).setLevel(logging.CRITICAL + 1)  # who hangs up here does so on purpose


class FileServer:
    """Serves the folder ``root``; users log in by password, or by a key that was let in with ``accept_key``."""

    def __init__(self, host_key=None):
        self.root = Path(tempfile.mkdtemp(prefix="integration-flow-sftp-"))
        self.host_key = host_key or paramiko.ECDSAKey.generate()
        self.client_keys: list[paramiko.PKey] = []
        self.logins = 0
        self.renames: list[str] = []
        self._faults: list[dict] = []
        self._lock = threading.Lock()
        self._transports: list[paramiko.Transport] = []
        self._listen(0)

    @property
    def url(self):
        return f"sftp://127.0.0.1:{self.port}"

    @property
    def fingerprint(self):
        return f"{self.host_key.get_name()} {self.host_key.fingerprint}"

    def accept_key(self, key):
        """Let the user in with this key."""
        self.client_keys.append(key)

    # -- files ---------------------------------------------------------------------------------------------

    def put(self, path, content, *, modified=None):
        """A file as somebody else has put it there."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode())
        if modified is not None:
            os.utime(target, (modified, modified))

    def read(self, path):
        return (self.root / path).read_bytes()

    def names(self, folder=""):
        """All names in a folder, hidden ones too."""
        target = self.root / folder
        return sorted(entry.name for entry in target.iterdir()) if target.is_dir() else []

    # -- faults --------------------------------------------------------------------------------------------

    def fault(self, kind, *, times=1, after=0, seconds=0.0):
        with self._lock:
            self._faults.append({"kind": kind, "times": times, "after": after, "seconds": seconds})

    def take_fault(self, kind, size=None):
        """The fault of this kind that happens now, if any; ``size``: so many bytes were moved so far."""
        with self._lock:
            for fault in self._faults:
                if fault["kind"] == kind and fault["times"] and (size is None or size > fault["after"]):
                    fault["times"] -= 1
                    return fault
        return None

    def clear_faults(self):
        with self._lock:
            self._faults.clear()

    def cut_all(self):
        """End every open connection."""
        for transport in self._transports:
            transport.close()
        self._transports.clear()

    def restart(self, *, host_key=None):
        """Come back at the same port, perhaps with another key."""
        self.stop_listening()
        self.host_key = host_key or self.host_key
        self._listen(self.port)

    def stop_listening(self):
        """Refuse connections from now on, and end those that are open."""
        self._socket.close()
        self._thread.join(5)
        self.cut_all()

    def stop(self):
        self.stop_listening()
        shutil.rmtree(self.root, ignore_errors=True)

    # -- the server ----------------------------------------------------------------------------------------

    def _listen(self, port):
        self._socket = socket.create_server(("127.0.0.1", port))
        self._socket.settimeout(0.2)
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, args=[self._socket], daemon=True)
        self._thread.start()

    def _serve(self, listening):
        while True:
            try:
                connection, _address = listening.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            threading.Thread(target=self._welcome, args=[connection], daemon=True).start()

    def _welcome(self, connection):
        transport = paramiko.Transport(connection)
        transport.set_log_channel(_CHANNEL)
        transport.add_server_key(self.host_key)
        transport.set_subsystem_handler("sftp", paramiko.SFTPServer, sftp_si=_Folder, files=self)
        self._transports.append(transport)
        try:
            transport.start_server(server=_Door(self))
        except (paramiko.SSHException, EOFError, OSError):
            transport.close()


class _Door(paramiko.ServerInterface):
    """Who is let in."""

    def __init__(self, files):
        self.files = files

    def get_allowed_auths(self, username):
        return "password,publickey"

    def check_auth_password(self, username, password):
        return self._answer(username == USER and password == PASSWORD)

    def check_auth_publickey(self, username, key):
        return self._answer(username == USER and key in self.files.client_keys)

    def _answer(self, right):
        if right:
            self.files.logins += 1
        return paramiko.AUTH_SUCCESSFUL if right else paramiko.AUTH_FAILED

    def check_channel_request(self, kind, chanid):
        return paramiko.OPEN_SUCCEEDED if kind == "session" else paramiko.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED


class _File(paramiko.SFTPHandle):
    def __init__(self, folder, flags, stream):
        super().__init__(flags)
        self.folder = folder
        self.readfile = self.writefile = stream

    def read(self, offset, length):
        answer = super().read(offset, length)
        if self.folder.files.take_fault("cut", offset + length):
            self.folder.files.cut_all()
        return answer

    def write(self, offset, data):
        if self.folder.files.take_fault("disk_full", offset + len(data)):
            return paramiko.SFTPServer.convert_errno(errno.ENOSPC)
        return super().write(offset, data)

    def stat(self):
        return paramiko.SFTPAttributes.from_stat(os.fstat(self.readfile.fileno()))


class _Folder(paramiko.SFTPServerInterface):
    """The folder as SFTP shows it (draft-ietf-secsh-filexfer-02, as OpenSSH speaks it)."""

    def __init__(self, server, *args, files, **kwargs):
        super().__init__(server, *args, **kwargs)
        self.files = files

    def _real(self, path):
        return str(self.files.root) + self.canonicalize(path)

    def _try(self, function, *paths):
        try:
            function(*(self._real(path) for path in paths))
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)
        return paramiko.SFTP_OK

    def list_folder(self, path):
        try:
            entries = list(os.scandir(self._real(path)))
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)
        return [paramiko.SFTPAttributes.from_stat(entry.stat(), entry.name) for entry in entries]

    def stat(self, path):
        if fault := self.files.take_fault("silent"):
            time.sleep(fault["seconds"])
        try:
            return paramiko.SFTPAttributes.from_stat(os.stat(self._real(path)))
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)

    lstat = stat

    def open(self, path, flags, attr):
        try:
            number = os.open(self._real(path), flags, 0o644)
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)
        mode = "r+b" if flags & os.O_RDWR else "wb" if flags & os.O_WRONLY else "rb"
        return _File(self, flags, os.fdopen(number, mode))

    def remove(self, path):
        return self._try(os.remove, path)

    def mkdir(self, path, attr):
        return self._try(os.mkdir, path)

    def rename(self, oldpath, newpath):
        if os.path.exists(self._real(newpath)):  # as the protocol says of its own rename
            return paramiko.SFTP_FAILURE
        return self.posix_rename(oldpath, newpath)

    def posix_rename(self, oldpath, newpath):
        answer = self._try(os.rename, oldpath, newpath)
        if answer == paramiko.SFTP_OK:
            self.files.renames.append(newpath)
            if self.files.take_fault("cut_after"):
                self.files.cut_all()
        return answer

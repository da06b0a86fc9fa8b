"""A throw-away authority and what it certifies, made with the openssl command."""
import os
import subprocess
import tempfile


class Authority:
    """Files in a folder of their own: ca.crt, and NAME.crt with NAME.key for each name issued."""

    def __init__(self, name="larder-test"):
        self.folder = tempfile.TemporaryDirectory(prefix="larder-tls-")
        self.openssl("req", "-x509", *NEW_KEY, "-keyout", "ca.key", "-out", "ca.crt", "-days", "2",
                     "-subj", f"/CN={name}")

    def path(self, name):
        return os.path.join(self.folder.name, name)

    @property
    def ca(self):
        return self.path("ca.crt")

    def openssl(self, *words):
        subprocess.run(["openssl", *words], cwd=self.folder.name, check=True,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)

    def issue(self, name, subject=None):
        """Certifies `subject` for this machine; NAME.crt and NAME.key are replaced at once each."""
        with open(self.path("names"), "w") as names:
            names.write("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        self.openssl("req", *NEW_KEY, "-keyout", "new.key", "-out", "new.csr",
                     "-subj", f"/CN={subject or name}")
        self.openssl("x509", "-req", "-in", "new.csr", "-CA", "ca.crt", "-CAkey", "ca.key",
                     "-CAcreateserial", "-days", "2", "-extfile", "names", "-out", "new.crt")
        os.replace(self.path("new.key"), self.path(name + ".key"))
        os.replace(self.path("new.crt"), self.path(name + ".crt"))

    def files(self, name):
        return self.path(name + ".crt"), self.path(name + ".key")


NEW_KEY = ("-newkey", "rsa:2048", "-nodes", "-sha256")


def server_options(authority, port, name="server"):
    """Words of a command line for a TLS port."""
    cert, key = authority.files(name)
    return ["--tls-port", str(port), "--tls-cert-file", cert, "--tls-key-file", key,
            "--tls-ca-cert-file", authority.ca]

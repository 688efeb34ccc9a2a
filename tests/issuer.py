"""An OpenID Connect provider on this machine that signs in whom a test wants, and misbehaves as it wants."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

CLIENT, SECRET = "mirage", "between us"


class Issuer(ThreadingHTTPServer):
    """What it says of somebody is in `claims`; what it says otherwise than it should in `wrong`."""

    daemon_threads = True

    def __init__(self) -> None:
        from joserfc.jwk import ECKey

        super().__init__(("127.0.0.1", 0), _Handler)
        self.key, self.other = (ECKey.generate_key("P-256", {"kid": "one"}) for _ in range(2))
        self.claims: dict[str, Any] = {"sub": "ada-17", "name": "Ada"}
        self.wrong: dict[str, Any] = {}
        self.stranger_signs = False
        self.codes: dict[str, dict[str, str]] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def agree(self, address: str) -> str:
        """Somebody has followed an address here and agrees; gives where their browser is sent back to."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert (asked["client_id"], asked["code_challenge_method"]) == (CLIENT, "S256")
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def token(self, given: dict[str, str], basic: str) -> dict[str, Any] | None:
        from joserfc import jwt

        asked = self.codes.pop(given.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(given.get("code_verifier", "").encode()).digest()).rstrip(b"=")
        expected = "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".replace(" ", "+").encode()).decode()
        plain = "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if asked is None or asked["code_challenge"] != challenge.decode() or basic not in (expected, plain):
            return None
        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked["nonce"]}
        signer = self.other if self.stranger_signs else self.key
        signed = jwt.encode({"alg": "ES256", "kid": "one"}, claims | self.claims | self.wrong, signer, algorithms=["ES256"])
        return {"access_token": "a", "token_type": "Bearer", "id_token": signed}


class _Handler(BaseHTTPRequestHandler):
    server: Issuer

    def do_GET(self) -> None:
        url = self.server.url
        if self.path == "/.well-known/openid-configuration":
            there = {"issuer": url, "authorization_endpoint": f"{url}/authorize", "token_endpoint": f"{url}/token"}
            self._say({**there, "jwks_uri": f"{url}/keys"})
        elif self.path == "/keys":
            self._say({"keys": [self.server.key.as_dict(private=False)]})
        elif self.path.startswith("/authorize?"):
            self._ask(self.server.agree(self.path), parse_qs(urlsplit(self.path).query))
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
        given = {name: values[0] for name, values in parse_qs(body).items()}
        token = self.server.token(given, self.headers.get("authorization", ""))
        self._say(token or {"error": "invalid_grant"}, 200 if token else 400)

    def _ask(self, agreed: str, asked: dict[str, list[str]]) -> None:
        """The page on which somebody agrees, or does not."""
        refused = f"{asked['redirect_uri'][0]}?{urlencode({'error': 'access_denied', 'state': asked['state'][0]})}"
        links = f'<a href="{escape(agreed)}">I am {self.server.claims["name"]}</a> <a href="{escape(refused)}">No</a>'
        data = f"<!doctype html><title>Provider</title><h1>Who are you?</h1><p>{links}</p>".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _say(self, told: dict[str, Any], status: int = 200) -> None:
        data = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def issuing() -> Iterator[Issuer]:
    """A running provider."""
    issuer = Issuer()
    thread = threading.Thread(target=issuer.serve_forever, daemon=True)
    thread.start()
    try:
        yield issuer
    finally:
        issuer.shutdown()
        issuer.server_close()
        thread.join()

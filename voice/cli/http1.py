"""HTTP/1.1 as uvicorn speaks it, with our errors where a request cannot even be read."""

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from voice.gateway.errors import error_body
from voice.gateway.requests import new_id


class Http1(H11Protocol):
    def send_400_response(self, msg: str) -> None:
        """Answer what is no request with an error in the shape of all others."""
        body = error_body(
            f"{msg} Its first line and its headers must be those of HTTP/1.1; is it HTTPS that "
            "was sent to a server without?",
            "invalid_request_error",
        )
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"connection", b"close"),
            (b"x-request-id", new_id()),
        ]
        response = h11.Response(status_code=400, headers=headers, reason=b"Bad Request")
        # Of a body that stops making sense the answer may have been sent already.
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            for event in (response, h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

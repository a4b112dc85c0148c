"""MJPEG over HTTP, the stream of most network cameras and phones, read without FFmpeg.

FFmpeg reads it too, but it probes for seconds before the first frame, tells every fault (wrong path, password, web
page, silence) by the same ``False``, and cannot be woken from a read. Here every wait is on a socket that another
thread can shut down, and every fault has its sentence.
"""

from __future__ import annotations

import base64
import http.client
import socket
import ssl
from contextlib import suppress
from email.message import Message
from typing import Final
from urllib.parse import SplitResult, unquote, urljoin

import cv2
import numpy as np

from core.capture.reader import Grab
from core.capture.sources import split_address, without_password
from core.errors import UserError
from core.media import Picture

MOST_REDIRECTS: Final = 3
LARGEST_PART: Final = 32 * 1024 * 1024
"""Bytes of one JPEG at most: a stream whose end of part never comes must not fill the memory."""
_CHUNK = 64 * 1024
_LONGEST_HEADERS = 16 * 1024


class OtherStream(Exception):  # noqa: N818 - no error: FFmpeg may know it
    """The address answers with a video that is not MJPEG."""


class MjpegReader:
    """Reads the JPEGs of a ``multipart/x-mixed-replace`` answer.

    Args:
        url: http or https, with user:password@ if need be.
        open_s: seconds to connect and to answer in.
        silence_s: seconds without a byte after which the stream is lost.
    """

    def __init__(self, url: str, open_s: float, silence_s: float) -> None:
        self._url = url
        self._open_s = open_s
        self._silence_s = silence_s
        self._shown = without_password(url)
        self._socket: socket.socket | None = None
        self._connection: http.client.HTTPConnection | None = None
        self._response: http.client.HTTPResponse | None = None
        self._boundary = b""
        self._buffer = bytearray()
        self._interrupted = False

    def open(self) -> None:
        """Connect and read the answer's head.

        Raises:
            UserError: nobody is there, the answer is late or not a stream.
            OtherStream: it is a video of another kind.
        """
        url = self._url
        for _ in range(MOST_REDIRECTS + 1):
            response = self._request(split_address(url))
            target = response.getheader("Location")
            if response.status not in (301, 302, 303, 307, 308) or target is None:
                break
            self.close()
            url = urljoin(url, target)
            if split_address(url).scheme not in ("http", "https"):
                raise UserError(f"{self._shown} leads to {without_password(url)}", "give that address itself")
        else:
            raise UserError(f"{self._shown} leads from address to address", "give the address of the stream itself")
        self._check(response)
        if self._socket is not None:
            self._socket.settimeout(self._silence_s)
        self._response = response

    def _request(self, address: SplitResult) -> http.client.HTTPResponse:
        host, secure = address.hostname or "", address.scheme == "https"
        port = address.port or (443 if secure else 80)
        connection = (
            http.client.HTTPSConnection(host, port, timeout=self._open_s)
            if secure
            else http.client.HTTPConnection(host, port, timeout=self._open_s)
        )
        headers = {"User-Agent": "Bonesight", "Connection": "close", "Accept": "multipart/x-mixed-replace, */*"}
        if address.username is not None:
            words = f"{unquote(address.username)}:{unquote(address.password or '')}"
            headers["Authorization"] = "Basic " + base64.b64encode(words.encode("utf-8")).decode("ascii")
        path = (address.path or "/") + (f"?{address.query}" if address.query else "")
        try:
            connection.connect()
            # The answer takes the connection's socket over; this reference can still wake who waits on it.
            self._connection, self._socket = connection, connection.sock
            if self._interrupted:
                raise ConnectionAbortedError("stopped")
            connection.request("GET", path, headers=headers)
            return connection.getresponse()
        except TimeoutError as error:
            connection.close()
            raise UserError(
                f"{self._shown} does not answer within {self._open_s:g} s",
                "check that the address is that of the stream and that the camera is on",
            ) from error
        except ssl.SSLError as error:
            connection.close()
            raise UserError(f"{self._shown} has no valid certificate", "try the address with http://") from error
        except http.client.HTTPException as error:
            connection.close()
            raise UserError(f"{self._shown} does not answer as a web server does", "check the port") from error
        except ValueError as error:
            connection.close()
            raise UserError(f"{self._shown} is not an address", "write spaces and the like as %20") from error
        except OSError as error:
            connection.close()
            raise unreachable(self._shown, error) from error

    def _check(self, response: http.client.HTTPResponse) -> None:
        """Refuse an answer that is no MJPEG stream; take note of its boundary."""
        status = response.status
        if status in (401, 403):
            raise UserError(f"{self._shown} asks for a password", "give it as http://user:password@address")
        if status in (404, 410):
            raise UserError(f"{self._shown} is not there (the server answers {status})", "check the end of the address")
        if status != 200:
            raise UserError(f"{self._shown} answers {status} {response.reason}", "check the address and the camera")
        head = Message()
        head["Content-Type"] = response.getheader("Content-Type", "application/octet-stream")
        kind = head.get_content_type()
        if kind == "multipart/x-mixed-replace":
            boundary = str(head.get_param("boundary") or "").strip('"')
            # Some cameras write the dashes of the separator into its name.
            self._boundary = b"--" + boundary.encode("latin-1", "replace").removeprefix(b"--")
            return
        if kind.startswith("text/"):
            raise UserError(
                f"{self._shown} is a web page, not a stream",
                "open it in a browser and copy the address of the moving picture itself",
            )
        if kind.startswith("image/"):
            raise UserError(f"{self._shown} is a single picture, not a stream", "give the address of the video stream")
        raise OtherStream(kind)

    def read(self) -> Grab:
        """Wait for the next JPEG.

        Raises:
            UserError: the stream ended, fell silent, or is not one.
        """
        data = self._part()
        return Grab(lambda: decode(data))

    def _part(self) -> bytes:
        """Return the body of the next part: by its length where that is told, else up to the next separator."""
        self._fill_until(self._boundary, _LONGEST_HEADERS + LARGEST_PART)
        del self._buffer[: self._buffer.find(self._boundary) + len(self._boundary)]
        end = self._fill_until(b"\r\n\r\n", _LONGEST_HEADERS)
        length = _content_length(bytes(self._buffer[:end]))
        del self._buffer[: end + 4]
        if length is not None and 0 < length <= LARGEST_PART:
            while len(self._buffer) < length:
                self._receive()
        else:
            length = self._fill_until(self._boundary, LARGEST_PART)
        body = bytes(self._buffer[:length])
        del self._buffer[:length]
        return body

    def _fill_until(self, mark: bytes, limit: int) -> int:
        """Receive until ``mark`` is in the buffer; return where."""
        searched = 0
        while (found := self._buffer.find(mark, max(0, searched - len(mark)))) < 0:
            searched = len(self._buffer)
            if searched > limit:
                raise UserError(f"{self._shown} sends nothing that is an MJPEG stream", "check the address")
            self._receive()
        return found

    def _receive(self) -> None:
        assert self._response is not None
        try:
            data = self._response.read1(_CHUNK)
        except TimeoutError as error:
            raise UserError(
                f"{self._shown} has sent nothing for {self._silence_s:g} s", "check the camera and the network"
            ) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise UserError(f"the connection to {self._shown} broke", "check the camera and the network") from error
        if not data:
            raise UserError(f"{self._shown} ended its stream", "check the camera")
        self._buffer += data

    def interrupt(self) -> None:
        """Wake a read or a wait for the answer."""
        self._interrupted = True
        waiting = self._socket
        if waiting is not None:
            with suppress(OSError):
                waiting.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection."""
        for part in (self._response, self._connection, self._socket):
            if part is not None:
                with suppress(OSError):
                    part.close()
        self._response = self._connection = self._socket = None
        self._buffer.clear()


def decode(data: bytes) -> Picture | None:
    """Turn one JPEG into (h, w, 3) RGB; None if it is damaged or cut off."""
    if data.rfind(b"\xff\xd9", max(0, len(data) - 1024)) < 0:
        # OpenCV 4 would fill what is missing with grey and call it a picture.
        return None
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    except cv2.error:
        return None
    return None if picture is None else np.asarray(picture, np.uint8)


def _content_length(head: bytes) -> int | None:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            with suppress(ValueError):
                return int(value)
    return None


def unreachable(shown: str, error: OSError) -> UserError:
    """Return the sentence about an address that no connection could be made to."""
    if isinstance(error, socket.gaierror):
        return UserError(f"no machine is called as {shown} says", "check the name, or give its number (192.168...)")
    if isinstance(error, ConnectionRefusedError):
        return UserError(f"nothing listens at {shown}", "check the port and that the camera's server is on")
    if isinstance(error, TimeoutError):
        return UserError(f"{shown} does not answer", "check the address and that both are in one network")
    return UserError(f"{shown} cannot be reached ({error.strerror or error})", "check the address and the network")

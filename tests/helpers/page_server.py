"""Pages and files for a browser, on a port of this computer; what a page has to say comes back by POST."""

import json
import queue
import re
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mp4": "video/mp4",
    ".mpd": "application/dash+xml",
}


class PageServer(ThreadingHTTPServer):
    """`files` by path ("/page.html"), which may change; whole, or by one range. Use it in a `with`."""

    daemon_threads = True

    def __init__(self, files: Mapping[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = dict(files)
        self._reports: queue.Queue[object] = queue.Queue()
        self._runs = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def report(self, seconds: float) -> object:
        """The next of what pages posted as JSON to /report. Raises queue.Empty where none comes."""
        return self._reports.get(timeout=seconds)

    def take(self, data: bytes) -> None:
        self._reports.put(json.loads(data))

    def __enter__(self) -> "PageServer":
        self._runs.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._runs.join()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: PageServer

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        data = self.server.files.get(path)
        if data is None:
            self.send_error(404)
            return
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        begin, end = (int(asked[1]), min(int(asked[2] or len(data)), len(data) - 1)) if asked else (0, len(data) - 1)
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {begin}-{end}/{len(data)}")
        self.send_header("Content-Type", TYPES.get(path[path.rfind(".") :], "application/octet-stream"))
        self.send_header("Content-Length", str(end + 1 - begin))
        self.end_headers()
        self.wfile.write(data[begin : end + 1])

    def do_POST(self) -> None:
        self.server.take(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""

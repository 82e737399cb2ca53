"""Pictures of products: the shop fetches them from their addresses after it has answered, and shows what came of it."""

import http.client
import threading
import time
from urllib.parse import urlsplit

from .fulfilling import Refused, number_of

HERE = ("127.0.0.1", "localhost")
LARGEST = 20 * 1024 * 1024
FAILED = "Media could not be created because the image could not be downloaded."


class Media:
    """Wants ``app`` and ``store``."""

    def clear_media(self):
        self.media = {}  # number of the picture -> {"status", "errors"}; one that is not here was there from the beginning

    def check_files(self, files):
        for place, file in enumerate(files or ()):
            if file.get("id") or urlsplit(file.get("originalSource") or "").scheme in ("http", "https"):
                continue
            raise Refused(["input", "files", str(place), "originalSource"], "Image URL is invalid", "INVALID_INPUT")

    def images_of(self, files, product):
        """What becomes of the pictures of a product: those that are named stay, the others come from their addresses."""
        known = {image["id"]: image for image in (product or {}).get("images", ())}
        images = []
        for place, file in enumerate(files or ()):
            image = known.get(number_of(file.get("id"), "MediaImage"))
            if file.get("id") and image is None:
                raise Refused(["input", "files", str(place), "id"], "File does not exist", "FILE_DOES_NOT_EXIST")
            images.append(image or {
                "id": self.store.next_id("media"), "src": file["originalSource"], "alt": file.get("alt") or ""})
        return images

    def fetch_files(self, record):
        """Begin to fetch what is new among the pictures of a product."""
        for image in record["images"]:
            if image["id"] not in self.media and image["src"] and not image["src"].startswith(self.app.settings.site_url):
                self.media[image["id"]] = {"status": "PROCESSING", "errors": []}
                threading.Thread(target=self._fetch, args=(image["id"], image["src"]), daemon=True).start()

    def _fetch(self, number, source):
        time.sleep(self.app.settings.media_seconds)
        try:
            problem = fetched(source, self.app.settings.allow_remote_webhooks)
        except (OSError, http.client.HTTPException) as error:
            problem = f"{type(error).__name__}: {error}"
        with self.store.lock:
            if number in self.media:
                errors = [{"code": "IMAGE_DOWNLOAD_FAILURE", "message": FAILED, "details": problem}] if problem else []
                self.media[number] = {"status": "FAILED" if problem else "READY", "errors": errors}

    def medium(self, image):
        state = self.media.get(image["id"], {"status": "READY", "errors": []})
        return {"status": state["status"], "mediaErrors": state["errors"]}


def fetched(source, anywhere=False):
    """Get a picture; returns what is wrong with it, '' for nothing."""
    url = urlsplit(source)
    if url.hostname not in HERE and not anywhere:
        return "Address is not on this machine"
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    connection = kind(url.hostname, url.port, timeout=10)
    try:
        connection.request("GET", f"{url.path or '/'}{'?' + url.query if url.query else ''}")
        answer = connection.getresponse()
        answer.read(LARGEST)
        if answer.status != 200:
            return f"{answer.status} {answer.reason}"
        content_type = answer.headers.get_content_type()
        return "" if content_type.startswith("image/") else f"{content_type} is no picture"
    finally:
        connection.close()

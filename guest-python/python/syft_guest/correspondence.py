"""The messages of a test: what the program has sent, and what the test says becomes of it. Nothing
leaves, and nothing takes time."""

import fnmatch
import json
import sys
import uuid

from syft_guest import host


class Message:
    """A message that the program has sent."""

    def __init__(self, message):
        self.id = str(uuid.uuid4())
        self.url, self.method = message.url, message.method
        self.headers, self.body = message.headers, message.body
        self.encrypt = message.encrypt
        # How long the receiver has, in seconds.
        self.timeout = message.timeout / 1_000_000
        # What became of it.
        self.outcome = None
        self._handler, self._context = message.handler, message.context
        self._has_left = False

    @property
    def text(self):
        return (self.body or b"").decode()

    def json(self):
        return json.loads(self.body or b"")

    def __repr__(self):
        return f"Message({self.method} {self.url})"


class Correspondence:
    def __init__(self):
        self.sent = []
        self._answers = []

    def install(self):
        host.send, host.receive = self.send, self.receive

    def answer(self, url, answer):
        """Says what becomes of messages to a URL: a function from such a message to an outcome."""
        self._answers.insert(0, (_path(url), answer))

    def send(self, message):
        self.sent.append(Message(message))
        return self.sent[-1].id

    def receive(self, ids, seconds):
        return [self._outcome(self._found(each), seconds) for each in ids]

    def _found(self, message_id):
        for message in self.sent:
            if message.id == message_id:
                message._has_left = True
                return message
        raise host.UnknownMessage("this app sent no such message in this test")

    def _outcome(self, message, seconds):
        self.settle(message)
        if message.outcome is None and seconds > 0:
            print(f"nobody answers {message.url}: say app.answer(…) before", file=sys.stderr)
        return message.outcome

    def settle(self, message):
        """Has a message answered, if the test has said by what."""
        path = _path(message.url)
        for pattern, answer in self._answers:
            if message.outcome is None and fnmatch.fnmatchcase(path, pattern):
                message.outcome = answer(message)

    def go_back(self, count):
        """Takes back what a call sent that failed, but what it waited for."""
        self.sent[count:] = [message for message in self.sent[count:] if message._has_left]


def _path(url):
    return str(url).removeprefix("syft://").partition("?")[0].rstrip("/")

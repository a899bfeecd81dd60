"""A headless Chromium, operated with real mouse, touch and keyboard events."""
import base64
import io
import json
import os
import shutil
import signal
import subprocess

import numpy as np
from PIL import Image

from scripts.lib.paths import ROOT

EXECUTABLE = next(filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome'))), None)
# Checks the accessibility of pages; '' if it is not installed (scripts/test.py --all installs it).
AXE = os.path.join(ROOT, 'node_modules/axe-core/axe.min.js')
AXE = AXE if os.path.exists(AXE) else ''
_KEY_CODES = {'Tab': 9, 'Enter': 13, 'PageUp': 33, 'PageDown': 34, 'End': 35, 'Home': 36, 'ArrowLeft': 37,
              'ArrowUp': 38, 'ArrowRight': 39, 'ArrowDown': 40}


def decode(uri):
    """The picture in a data URI, uint8 [height, width, 3]."""
    content = base64.b64decode(uri.split(';base64,')[1])
    return np.asarray(Image.open(io.BytesIO(content)).convert('RGB'))


class Chromium:
    """One page in a Chromium, controlled with the Chrome DevTools Protocol. A context manager.

    Attributes:
      requests: URLs that the page has requested.
      errors: messages of exceptions in its scripts, and of its console.
    """

    def __init__(self, profile, width=1100, height=1000):
        self.requests, self.errors = [], []
        self._last_id = 0
        command_read, self._commands = os.pipe()
        self._replies, reply_write = os.pipe()
        # --remote-debugging-pipe uses the file descriptors 3 and 4. The shell first moves the pipes out of their way.
        self._process = subprocess.Popen(
            ['bash', '-c', 'exec 8<&"$0" 9>&"$1"; exec 3<&8 4>&9 8<&- 9>&-; shift; exec "$@"', str(command_read),
             str(reply_write), EXECUTABLE, '--headless', '--no-sandbox', '--disable-gpu', '--hide-scrollbars',
             '--no-first-run', '--window-size=%d,%d' % (width, height), '--user-data-dir=%s' % profile,
             '--remote-debugging-pipe', 'about:blank'],
            pass_fds=(command_read, reply_write), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True)
        os.close(command_read)
        os.close(reply_write)
        self._reader = os.fdopen(self._replies, 'rb')
        self._buffer = b''
        self._session = None
        target = next(info for info in self.call('Target.getTargets')['targetInfos'] if info['type'] == 'page')
        self._session = self.call('Target.attachToTarget', targetId=target['targetId'], flatten=True)['sessionId']
        for domain in ('Page', 'Runtime', 'Network', 'Log'):
            self.call(domain + '.enable')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.killpg(self._process.pid, signal.SIGKILL)  # with its children, which write to the profile
        self._process.wait()
        os.close(self._commands)
        self._reader.close()

    def call(self, method, **parameters):
        """Calls a method of the protocol; returns its result."""
        self._last_id += 1
        message = {'id': self._last_id, 'method': method, 'params': parameters}
        if self._session:
            message['sessionId'] = self._session
        os.write(self._commands, json.dumps(message).encode() + b'\0')
        while True:
            reply = self._read()
            if reply.get('id') == self._last_id:
                assert 'error' not in reply, reply
                return reply['result']

    def _read(self):
        while b'\0' not in self._buffer:
            received = os.read(self._replies, 2 ** 20)
            assert received, 'Chromium has ended'
            self._buffer += received
        message, self._buffer = self._buffer.split(b'\0', 1)
        event = json.loads(message.decode())
        parameters = event.get('params', {})
        if event.get('method') == 'Network.requestWillBeSent':
            self.requests.append(parameters['request']['url'])
        elif event.get('method') == 'Runtime.exceptionThrown':
            self.errors.append(parameters['exceptionDetails'].get('exception', {}).get('description', ''))
        elif event.get('method') == 'Log.entryAdded':
            self.errors.append(parameters['entry']['text'])
        return event

    def open(self, path):
        """Opens a file."""
        self.call('Page.navigate', url='file://' + path)
        self.run('new Promise(done => document.readyState === "complete" ? done() : addEventListener("load", done))')

    def run(self, script):
        """The value of a JavaScript expression, after the promise that it may be."""
        reply = self.call('Runtime.evaluate', expression=script, awaitPromise=True, returnByValue=True)
        assert 'exceptionDetails' not in reply, reply
        return reply['result'].get('value')

    def picture(self, selector):
        """The pixels of an image or canvas as a data URI."""
        return self.run('''(async () => {
            const element = document.querySelector(%s), canvas = document.createElement('canvas');
            if (element.decode) await element.decode();
            canvas.width = element.naturalWidth || element.width;
            canvas.height = element.naturalHeight || element.height;
            canvas.getContext('2d').drawImage(element, 0, 0);
            return canvas.toDataURL();
        })()''' % json.dumps(selector))

    def press(self, key):
        """Presses and releases a key, such as 'ArrowLeft'."""
        text = {'text': '\r'} if key == 'Enter' else {}  # without, a button is not pressed
        for kind in ('keyDown' if text else 'rawKeyDown', 'keyUp'):
            self.call('Input.dispatchKeyEvent', type=kind, key=key, code=key, windowsVirtualKeyCode=_KEY_CODES[key],
                      **text)

    def point(self, selector, x=0.5, y=0.5):
        """The position in the window of a point of an element, from (0, 0) at its top left to (1, 1)."""
        return self.run('''(() => {
            const element = document.querySelector(%s);
            element.scrollIntoView({block: 'center'});
            const box = element.getBoundingClientRect();
            return [box.left + %f * box.width, box.top + %f * box.height];
        })()''' % (json.dumps(selector), x, y))

    def drag(self, selector, start, end):
        """Drags the mouse from one point of an element to another; with the same point twice, clicks."""
        for kind, position in (('mousePressed', start), ('mouseMoved', end), ('mouseReleased', end)):
            x, y = self.point(selector, *position)
            self.call('Input.dispatchMouseEvent', type=kind, x=x, y=y, button='left', clickCount=1,
                      buttons=0 if kind == 'mouseReleased' else 1)

    def drag_onto(self, source, target):
        """Drags the mouse from the middle of an element to that of another. Both must fit into the window together."""
        self.point(source)
        (end_x, end_y), (x, y) = self.point(target), self.run('''(() => {
            const box = document.querySelector(%s).getBoundingClientRect();
            return [box.left + box.width / 2, box.top + box.height / 2];
        })()''' % json.dumps(source))
        for kind, position in (('mousePressed', (x, y)), ('mouseMoved', (x + 9, y)), ('mouseMoved', (end_x, end_y)),
                               ('mouseReleased', (end_x, end_y))):
            self.call('Input.dispatchMouseEvent', type=kind, x=position[0], y=position[1], button='left', clickCount=1,
                      buttons=0 if kind == 'mouseReleased' else 1)

    def accessibility_violations(self):
        """What axe-core finds wrong with the page: [(rule, elements)]."""
        with open(AXE, encoding='utf-8') as file:
            self.run(file.read() + ';0')
        found = self.run('axe.run().then(found => [found.passes.length, '
                         'found.violations.map(({id, nodes}) => [id, nodes.map(node => node.html)])])')
        assert found[0] > 10  # rules that apply
        return found[1]

    def touch(self, selector, start, end, moves=5):
        """Moves a finger from one point of an element to another, in this many moves."""
        (start_x, start_y), (end_x, end_y) = self.point(selector, *start), self.point(selector, *end)
        for number in range(moves + 1):
            share = number / moves
            point = {'x': start_x + share * (end_x - start_x), 'y': start_y + share * (end_y - start_y)}
            self.call('Input.dispatchTouchEvent', type='touchMove' if number else 'touchStart', touchPoints=[point])
        self.call('Input.dispatchTouchEvent', type='touchEnd', touchPoints=[])

    def set_color_scheme(self, scheme):
        """Sets the user's preference: 'light' or 'dark'."""
        self.call('Emulation.setEmulatedMedia', features=[{'name': 'prefers-color-scheme', 'value': scheme}])

    def accessible_names(self):
        """[(role, name)] of the elements that a screen reader sees."""
        nodes = self.call('Accessibility.getFullAXTree')['nodes']
        return [(node['role']['value'], node.get('name', {}).get('value', '')) for node in nodes
                if not node.get('ignored')]

    def screenshot(self, path, width=1100):
        """Saves a picture of the whole page as a PNG file."""
        self.call('Emulation.setDeviceMetricsOverride', width=width, height=800, deviceScaleFactor=1, mobile=False)
        height = self.run('document.documentElement.scrollHeight')
        self.call('Emulation.setDeviceMetricsOverride', width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.run('new Promise(done => setTimeout(() => requestAnimationFrame(done), 300))')  # until it is drawn
        with open(path, 'wb') as file:
            file.write(base64.b64decode(self.call('Page.captureScreenshot')['data']))
        self.call('Emulation.clearDeviceMetricsOverride')

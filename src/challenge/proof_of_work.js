// Finds a number whose hash with the given prefix begins with enough zero bits, and posts it.
// SHA-256 in plain script, because crypto.subtle exists on secure origins only; in short slices on the page's own thread,
// because that needs no worker, no blob: and no wider Content-Security-Policy, and keeps the page responsive as well.
(function () {
  "use strict";
  var form = document.getElementById("check");
  var progress = document.getElementById("progress");
  var status = document.getElementById("status");
  var button = document.getElementById("continue");
  var prefix = form.getAttribute("data-prefix");
  var difficulty = Number(form.getAttribute("data-difficulty"));

  var K = new Int32Array([
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2
  ]);
  var W = new Int32Array(64);

  // The first word of the hash of the one block in W: the gate asks for at most 28 zero bits.
  function firstWord() {
    var a = 0x6a09e667, b = 0xbb67ae85 | 0, c = 0x3c6ef372, d = 0xa54ff53a | 0;
    var e = 0x510e527f, f = 0x9b05688c | 0, g = 0x1f83d9ab, h = 0x5be0cd19;
    var i, x, s0, s1, t1, t2;
    for (i = 16; i < 64; i++) {
      x = W[i - 15];
      s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
      x = W[i - 2];
      s1 = ((x >>> 17) | (x << 15)) ^ ((x >>> 19) | (x << 13)) ^ (x >>> 10);
      W[i] = (W[i - 16] + s0 + W[i - 7] + s1) | 0;
    }
    for (i = 0; i < 64; i++) {
      s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
      t1 = (h + s1 + ((e & f) ^ (~e & g)) + K[i] + W[i]) | 0;
      s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
      t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g; g = f; f = e; e = (d + t1) | 0;
      d = c; c = b; b = a; a = (t1 + t2) | 0;
    }
    return (a + 0x6a09e667) | 0;
  }

  function word(text, at) {
    return (text.charCodeAt(at) << 24) | (text.charCodeAt(at + 1) << 16) |
      (text.charCodeAt(at + 2) << 8) | text.charCodeAt(at + 3);
  }

  // prefix (32 characters), ":", a number of ten digits, and the padding of a message of 43 bytes: always one block.
  // The number is tried as 1000000 to 9999999 in front and 000 to 999 behind, so that only one word changes inside.
  function load(front) {
    var text = prefix + ":" + front;
    for (var i = 0; i < 10; i++) W[i] = word(text, 4 * i);
    W[10] = 0; W[11] = 0; W[12] = 0; W[13] = 0; W[14] = 0; W[15] = 43 * 8;
  }

  function tail(n) {
    var hundreds = (n / 100) | 0, tens = ((n / 10) | 0) % 10, ones = n % 10;
    return ((48 + hundreds) << 24) | ((48 + tens) << 16) | ((48 + ones) << 8) | 0x80;
  }

  function solved(front, n) {
    form.elements.namedItem("nonce").value = String(front) + ("00" + n).slice(-3);
    progress.value = 1;
    status.textContent = "Done. Taking you on…";
    // For browsers in which submitting by script is blocked.
    button.hidden = false;
    HTMLFormElement.prototype.submit.call(form);
  }

  var channel = new MessageChannel();
  var front = 1000000, shift = 32 - difficulty;
  channel.port1.onmessage = function () {
    var until = Date.now() + 12;
    do {
      load(front);
      for (var n = 0; n < 1000; n++) {
        W[10] = tail(n);
        if (firstWord() >>> shift === 0) return solved(front, n);
      }
      front++;
    } while (Date.now() < until && front < 10000000);
    if (front >= 10000000) { status.textContent = "This did not work. Please reload the page."; return; }
    // The chance to be done by now: honest, and never at its end too early.
    progress.value = 1 - Math.exp(-(front - 1000000) * 1000 / Math.pow(2, difficulty));
    channel.port2.postMessage(0);
  };
  // Back from the application: this check was used, and trying again would only say so.
  window.addEventListener("pageshow", function (event) {
    if (event.persisted) status.textContent = "This check was used already. Please go back and try again.";
  });
  status.textContent = "Checking…";
  channel.port2.postMessage(0);
})();

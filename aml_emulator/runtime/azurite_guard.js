// Loaded before Azurite. Its standard input is a pipe that the emulator holds: when that ends, because the
// emulator stopped or was killed, Azurite is asked to save what it holds and to end, as it is on Ctrl+C.
"use strict";

const SETTLED_MILLISECONDS = 1500;
const LIMIT_MILLISECONDS = 8000;

function end() {
  if (process.listenerCount("SIGTERM") === 0) {
    process.exit(0);
  }
  process.emit("SIGTERM");
  setTimeout(() => process.exit(0), LIMIT_MILLISECONDS).unref();
}

process.stdin.on("end", end);
process.stdin.on("error", end);
process.stdin.resume();

// what loading left behind is not needed at rest
setTimeout(() => global.gc && global.gc(), SETTLED_MILLISECONDS).unref();

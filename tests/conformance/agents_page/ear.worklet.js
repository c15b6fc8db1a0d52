// Passes on what it hears, one channel of it.

class Ear extends AudioWorkletProcessor {
  process([[heard]]) {
    if (heard) this.port.postMessage(heard.slice());
    return true;
  }
}

registerProcessor('ear', Ear);

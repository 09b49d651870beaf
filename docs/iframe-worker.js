// A page that is opened from disk may start no worker, and the search runs in one. There a hidden
// frame does its work: the same script in a window of its own, with its messages passed on.
// (The name is the one by which the theme's plugin `offline` knows that nothing must be fetched.)
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.waiting = [];
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.append(frame);
      const inside = frame.contentWindow;
      inside.importScripts = () => {}; // only for languages other than English
      inside.postMessage = data => this.dispatchEvent(new MessageEvent("message", { data }));
      const script = inside.document.createElement("script");
      script.src = new URL(url, location.href);
      script.onload = () => {
        this.send = data => inside.dispatchEvent(new inside.MessageEvent("message", { data }));
        this.waiting.forEach(this.send);
      };
      inside.document.body.append(script);
    }

    postMessage(data) {
      this.send ? this.send(data) : this.waiting.push(data);
    }

    terminate() {}
  };
}

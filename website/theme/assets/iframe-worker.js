/* A browser starts no worker from a file:// page. There, the search runs in a hidden frame that has a worker's interface. */
if (location.protocol === "file:") {
  class IFrameWorker extends EventTarget {
    constructor(url) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.append(frame);
      const inside = frame.contentWindow;
      inside.postMessage = (data) => setTimeout(() => this.dispatchEvent(new MessageEvent("message", { data })));
      this.ready = new Promise((resolve, reject) => {
        const script = inside.document.createElement("script");
        script.onload = resolve;
        script.onerror = () => {
          reject(new Error(`${url} cannot be loaded`));
          this.dispatchEvent(new Event("error"));
        };
        script.src = url;
        inside.document.body.append(script);
      });
      this.inside = inside;
      this.frame = frame;
    }

    postMessage(data) {
      this.ready.then(() => this.inside.dispatchEvent(new this.inside.MessageEvent("message", { data })));
    }

    terminate() {
      this.frame.remove();
    }
  }

  window.IFrameWorker = IFrameWorker; // by this name, the search finds its own address in the frame
  window.Worker = IFrameWorker;
}

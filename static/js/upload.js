// Drop zones and uploads with a progress bar; without this file the same form posts the ordinary way.
(() => {
  const units = ["B", "kB", "MB", "GB"];
  function size(bytes) {
    let step = 0;
    while (bytes >= 1000 && step < units.length - 1) { bytes /= 1000; step += 1; }
    return `${bytes.toFixed(step && bytes < 100 ? 1 : 0)} ${units[step]}`;
  }

  function bind(root) {
    for (const zone of root.querySelectorAll(".drop")) bindZone(zone);
    for (const form of root.querySelectorAll("form[data-upload]")) bindForm(form);
  }

  function bindZone(zone) {
    const input = zone.querySelector("input[type=file]");
    const chosen = zone.querySelector(".chosen");
    const show = () => {
      const file = input.files[0];
      chosen.textContent = file ? `${file.name} · ${size(file.size)}` : "";
      const name = document.querySelector("[data-name-from-file]");
      if (file && name && !name.value) name.value = file.name.replace(/\.(csv|tsv|parquet|jsonl|zip|gz)/gi, "").replace(/[_-]+/g, " ");
    };
    input.addEventListener("change", show);
    for (const type of ["dragenter", "dragover"]) zone.addEventListener(type, () => zone.classList.add("over"));
    for (const type of ["dragleave", "drop"]) zone.addEventListener(type, () => zone.classList.remove("over"));
  }

  function bindForm(form) {
    form.addEventListener("submit", (event) => {
      if (event.submitter?.name || !form.querySelector("input[type=file]").files.length) return;
      event.preventDefault();
      send(form);
    });
  }

  function send(form) {
    const bar = form.querySelector(".upload-bar");
    const progress = bar.querySelector("progress");
    const words = bar.querySelector("[data-words]");
    const buttons = form.querySelectorAll("button");
    const request = new XMLHttpRequest();
    bar.hidden = false;
    for (const button of buttons) button.disabled = true;
    request.upload.addEventListener("progress", (event) => {
      progress.value = event.loaded / event.total;
      words.textContent = event.loaded < event.total ? `${size(event.loaded)} of ${size(event.total)}` : "Received; saving…";
    });
    const fail = () => {
      for (const button of buttons) button.disabled = false;
      words.textContent = "The upload was interrupted. Check the connection and try again.";
    };
    request.addEventListener("error", fail);
    request.addEventListener("load", () => {
      if (request.status >= 500) return fail();
      if (request.responseURL && request.responseURL !== form.action) return window.location.assign(request.responseURL);
      const answer = new DOMParser().parseFromString(request.responseText, "text/html");
      const main = answer.querySelector("main");
      document.querySelector("main").replaceWith(main);
      bind(main);
    });
    request.open("POST", form.action || window.location.href);
    request.setRequestHeader("X-Upload", "1");
    request.send(new FormData(form));
  }

  bind(document);
})();

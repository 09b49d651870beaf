"use strict";
(() => {
  // Pictures are decoded where somebody looks at them, so that the page is there at once.
  let pictures = null;
  function show(gallery) {
    pictures ??= JSON.parse(document.getElementById("pictures").textContent);
    for (const image of gallery.querySelectorAll("img[data-picture]")) {
      image.src = `data:image/png;base64,${pictures[image.dataset.picture]}`;
      delete image.dataset.picture;
    }
  }
  const near = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting || !entry.target.open) continue;
        near.unobserve(entry.target);
        show(entry.target);
      }
    },
    { rootMargin: "400px" },
  );
  for (const gallery of document.querySelectorAll("details.gallery")) {
    near.observe(gallery);
    gallery.addEventListener("toggle", () => gallery.open && show(gallery));
  }

  // Paper cannot be clicked: everything is opened for it, with its pictures, and closed again.
  let closed = [];
  window.addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    for (const one of closed) one.open = true;
    for (const gallery of document.querySelectorAll("details.gallery")) show(gallery);
  });
  window.addEventListener("afterprint", () => {
    for (const one of closed) one.open = false;
    closed = [];
  });
})();

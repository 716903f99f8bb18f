// What an answer takes from elsewhere. Images of other hosts are not loaded (chat/ui/content_policy.py), and Chainlit
// leaves a grey box for each: here its words stand in its place, as a link. Styled in public/pagoda.css.

document.addEventListener(
  "error",
  ({ target: image }) => {
    const box = image.tagName === "IMG" && image.closest(".message-content .md\\:max-w-md");
    if (!box || box.nextElementSibling?.className === "image-link") return;
    const link = document.createElement("a");
    link.className = "image-link";
    link.href = image.src;
    link.target = "_blank";
    link.rel = "noopener noreferrer";
    link.textContent = image.alt || image.src;
    box.classList.add("image-missing");
    box.after(link);
  },
  true,
);

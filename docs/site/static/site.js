// Opened from a disk, a page may not read the others for excerpts; search lists them without.
DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY &&= location.protocol !== "file:";

// In a narrow column a long name breaks behind a dot or an underscore, and not within a word.
document.addEventListener("DOMContentLoaded", () => {
  for (const name of document.querySelectorAll("td code .pre")) {
    name.innerHTML = name.innerHTML.replace(/[._:/]/g, "$&<wbr>");
  }
});

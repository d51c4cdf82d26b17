// Opened from a disk, a page may not read the others for excerpts; search lists them without.
DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY &&= location.protocol !== "file:";

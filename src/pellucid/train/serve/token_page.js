// A page that was opened with the token keeps it for this tab, so that it can be loaded again.
const kept = sessionStorage.getItem("pellucid token");
sessionStorage.removeItem("pellucid token");
if (kept && !new URLSearchParams(location.search).has("token")) {
  location.replace(`/?token=${encodeURIComponent(kept)}`);
}

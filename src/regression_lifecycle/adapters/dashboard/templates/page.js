"use strict";
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const specifications = read("specifications");
  const configs = read("configs");
  const unfold = (columns) => {
    const names = Object.keys(columns);
    const cell = (name, row) => {
      const { levels, cells } = columns[name];
      return levels ? levels[cells[row]] : cells[row];
    };
    return columns[names[0]].cells.map((_, row) =>
      Object.fromEntries(names.map((name) => [name, cell(name, row)])),
    );
  };
  const tables = Object.fromEntries(
    Object.entries(read("data")).map(([name, columns]) => [name, unfold(columns)]),
  );
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const button = document.getElementById("theme");
  const root = document.documentElement;
  const views = new Map();
  let chosen = null;
  let generation = 0;

  // A page opened from disk may not be allowed to remember anything.
  const remember = (value) => {
    try {
      window.localStorage.setItem("theme", value);
    } catch {
      /* the choice holds for this visit */
    }
  };
  const remembered = () => {
    try {
      const value = window.localStorage.getItem("theme");
      return value === "light" || value === "dark" ? value : null;
    } catch {
      return null;
    }
  };
  const current = () => chosen ?? (system.matches ? "dark" : "light");

  const draw = async (theme) => {
    const mine = ++generation;
    for (const place of document.querySelectorAll("[data-chart]")) {
      const name = place.dataset.chart;
      try {
        const result = await window.vegaEmbed(place, specifications[name], {
          actions: false,
          ast: true,
          config: configs[theme],
          renderer: "svg",
          // Errors alone: a layer without a mark, such as no alarm, is no fault.
          logLevel: 1,
          tooltip: { theme: "lifecycle" },
          // Nothing is ever fetched, whatever a table holds.
          loader: { load: () => Promise.reject(new Error("nothing is fetched")) },
          patch: (compiled) => {
            for (const source of compiled.data) {
              if (Object.hasOwn(tables, source.name)) source.values = tables[source.name];
            }
            return compiled;
          },
        });
        views.get(name)?.finalize();
        views.set(name, result);
      } catch (error) {
        place.textContent = `This chart could not be drawn: ${error.message}`;
        console.error(name, error);
      }
      if (mine !== generation) return;
    }
    pick();
    root.dataset.drawn = theme;
  };

  // One of many series is drawn; the charts know it by its place in the list.
  const picker = document.getElementById("series-name");
  const names = [...document.querySelectorAll("#series-names option")].map((o) => o.value);
  const pick = () => {
    const place = picker ? names.indexOf(picker.value) : -1;
    if (!picker) return;
    const found = document.getElementById("series-found");
    found.textContent =
      place < 0 ? "no series of this name" : `${place + 1} of ${names.length} by share of the error`;
    if (place >= 0) views.get("series")?.view.signal("picked", place).runAsync();
  };
  picker?.addEventListener("input", pick);
  picker?.addEventListener("focus", () => picker.select());

  const apply = () => {
    const theme = current();
    if (chosen) root.dataset.theme = chosen;
    button.textContent = theme === "dark" ? "Light" : "Dark";
    if (window.vegaEmbed) draw(theme);
  };

  button.hidden = false;
  button.addEventListener("click", () => {
    chosen = current() === "dark" ? "light" : "dark";
    remember(chosen);
    apply();
  });
  system.addEventListener("change", apply);
  chosen = remembered();
  apply();

  // Paper is light.
  window.addEventListener("beforeprint", () => {
    if (current() === "dark" && window.vegaEmbed) draw("light");
  });
  window.addEventListener("afterprint", () => {
    if (current() === "dark" && window.vegaEmbed) draw("dark");
  });
})();

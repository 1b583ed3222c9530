"use strict";

/** Unpacks base64 of gzip. */
async function unpack(text) {
  if (typeof DecompressionStream === "undefined") {
    throw new Error("this browser is too old to unpack the details (it needs DecompressionStream)");
  }
  const bytes = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

/** The data of a group by its address; null for an unknown one. */
async function loadGroup(address) {
  const found = document.querySelector(`script[data-group="${CSS.escape(address)}"]`);
  return found && JSON.parse(await unpack(found.textContent));
}

let plotlyLoading = null;

/** Runs the plotting library, when the first plot needs it. */
function loadPlotly() {
  plotlyLoading ??= unpack(document.getElementById("plotly").textContent).then((text) => {
    document.head.append(element("script", {}, text));
    return window.Plotly;
  });
  return plotlyLoading;
}

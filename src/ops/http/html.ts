/** One whole page: no script, no font or file from elsewhere. `body` is HTML already escaped. */
export function page(spec: {
  title: string;
  body: string;
  refreshSeconds: number | undefined;
}): string {
  const refresh =
    spec.refreshSeconds === undefined
      ? ''
      : `<meta http-equiv="refresh" content="${spec.refreshSeconds}">`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8">${refresh}
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(spec.title)}</title><style>${STYLE}</style></head>
<body>
${spec.body}
</body></html>
`;
}

/** A table; every cell is escaped here. A row of class `bad` is shown red. */
export function table(head: readonly string[], rows: readonly TableRow[], empty: string): string {
  if (rows.length === 0) return `<p class="none">${escapeHtml(empty)}</p>`;
  const header = head.map((cell) => `<th>${escapeHtml(cell)}</th>`).join('');
  const body = rows.map(
    (row) =>
      `<tr${row.bad ? ' class="bad"' : ''}>${row.cells.map((cell) => `<td>${escapeHtml(cell)}</td>`).join('')}</tr>`,
  );
  return `<table><thead><tr>${header}</tr></thead><tbody>${body.join('')}</tbody></table>`;
}

export interface TableRow {
  readonly cells: readonly string[];
  readonly bad: boolean;
}

/** Text as HTML, also inside a quoted attribute. */
export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

const STYLE = `body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#1c2126;background:#fff}
h1{font-size:1.4rem}h2{font-size:1.05rem;margin:1.6rem 0 .4rem}small{color:#5b6670;font-weight:normal}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.25rem .7rem .25rem 0;border-bottom:1px solid #dde2e6;vertical-align:top}
th{font-weight:600;color:#5b6670}td{font-variant-numeric:tabular-nums}.bad td,.bad{color:#b00020}.ok{color:#0a7a33}.none{color:#5b6670}
pre{background:#f4f6f7;padding:.7rem;overflow:auto}`;

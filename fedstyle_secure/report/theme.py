"""How the page looks: one style sheet, no script, no font or picture from elsewhere."""

STYLE = """
:root {
  color-scheme: light dark;
  --paper: #fdfdfc; --raised: #f3f4f4; --ink: #1b1e21; --soft: #626a70; --rule: #d5d9db; --faint: #eaeced;
  --accent: #14566b; --accent-2: #5f94a4; --warm: #a06c14; --alarm: #b2331f; --on-alarm: #fff;
  --serif: "Iowan Old Style", "Palatino Linotype", Palatino, P052, "URW Palladio L", "Book Antiqua", Georgia, serif;
  --sans: Seravek, "Gill Sans Nova", Ubuntu, Calibri, Inter, "Helvetica Neue", system-ui, sans-serif;
  --mono: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root { --paper: #131517; --raised: #1d2023; --ink: #e8eaea; --soft: #9ba3a8; --rule: #34393d; --faint: #25292c;
    --accent: #7fc4d8; --accent-2: #4a8496; --warm: #dcae5c; --alarm: #f0806a; --on-alarm: #2a0b05; }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1.0625rem/1.6 var(--serif);
  font-variant-numeric: oldstyle-nums; text-rendering: optimizeLegibility; overflow-wrap: anywhere; }
main { max-width: 68rem; margin: 0 auto; padding: 4.5rem 2.5rem 3rem; }
p { margin: 0 0 1rem; max-width: 40rem; text-wrap: pretty; }
h1, h2 { font-weight: 500; text-wrap: balance; }
h1 { font-size: clamp(2.1rem, 5.2vw, 3.6rem); line-height: 1.1; letter-spacing: -0.015em; margin: 0 0 2.5rem;
  max-width: 17em; }
h2 { font-size: 1.3rem; line-height: 1.25; margin: 0; }
sup { line-height: 0; font-size: .72em; }
code, pre { font-family: var(--mono); font-size: .84em; }
.definitions { position: absolute; }
.kicker { font: 600 .8rem/1 var(--sans); letter-spacing: .06em; color: var(--accent); margin-bottom: 1.75rem; }
.kicker span { color: var(--soft); font-weight: 400; margin-left: .8em; }
.banner { background: var(--alarm); color: var(--on-alarm); font-family: var(--sans); padding: 1rem 1.25rem;
  max-width: none; margin: 0 0 2.5rem; }
.banner strong { letter-spacing: .06em; margin-right: .6em; font-size: 1.3em; }
.figures { display: grid; grid-template-columns: repeat(3, 1fr); gap: 0 2.5rem; margin: 0 0 2.5rem;
  border-top: 1px solid var(--ink); }
.figures > div { padding-top: .9rem; }
.figures dt { font: .82rem/1.3 var(--sans); color: var(--soft); }
.figures dd { margin: 0; font-size: 3.1rem; line-height: 1.2; letter-spacing: -.02em;
  font-variant-numeric: lining-nums; }
.figures dd.meaning { font: .85rem/1.45 var(--sans); color: var(--soft); letter-spacing: 0; margin-top: .3rem; }
.lead { font-size: 1.2rem; line-height: 1.55; max-width: 46rem; }
.warnings { font: .88rem/1.5 var(--sans); color: var(--warm); padding-left: 1.1rem; max-width: 46rem; }
section { display: grid; grid-template-columns: 13rem minmax(0, 1fr); gap: 0 2.5rem; padding: 2.2rem 0 1.6rem;
  margin-top: 2rem; border-top: 1px solid var(--rule); }
.body > :first-child { margin-top: 0; }
.note, figcaption { font: .85rem/1.5 var(--sans); color: var(--soft); }
figure { margin: 1.6rem 0; }
figcaption { margin-top: .7rem; max-width: 40rem; }
svg { display: block; max-width: 100%; height: auto; overflow: visible; }
.narrow { display: none; }
svg text { font-family: var(--sans); fill: var(--ink); font-variant-numeric: tabular-nums; }
.label { font-size: 13.5px; }
.value { font-size: 13px; font-weight: 600; }
.small, .place-name { font-size: 12px; }
svg .small { fill: var(--soft); }
.track { fill: var(--faint); }
.bar.random, .bar.untrained, .bar.unspent { fill: var(--soft); }
.bar.exact { fill: var(--accent-2); }
.bar.published { fill: var(--accent); }
.reach { opacity: .28; }
.reach.random, .reach.untrained, .reach.unspent { fill: var(--soft); }
.reach.exact, .reach.published { fill: var(--accent); }
svg .value.inside { fill: var(--paper); }
.chance { stroke: var(--alarm); stroke-width: 1; stroke-dasharray: 2 3; }
.grid { stroke: var(--faint); }
.axis { stroke: var(--soft); }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.line.local { stroke: var(--warm); stroke-width: 5; opacity: .55; }
.line.worst_case { stroke: var(--alarm); stroke-dasharray: 1 6; }
.line.aggregate { stroke: var(--accent); stroke-width: 2.5; }
.dot.local { fill: var(--warm); }
.dot.worst_case { fill: var(--alarm); }
.dot.aggregate { fill: var(--accent); }
.end { font-size: 13px; }
svg .end.local { fill: var(--warm); }
svg .end.worst_case { fill: var(--alarm); }
svg .end.aggregate { fill: var(--accent); font-weight: 600; }
.line.signed { stroke: var(--soft); stroke-width: 1.5; }
.dot.signed { fill: var(--soft); }
svg .end.signed { fill: var(--soft); }
.whisker { stroke-width: 1.2; stroke: var(--soft); }
.level { stroke: var(--soft); stroke-dasharray: 4 4; }
.hit { fill: var(--accent); }
.slip { fill: var(--warm); }
.missed { stroke: var(--alarm); stroke-width: 1.5; fill: none; }
.seal { fill: none; stroke: var(--rule); stroke-width: 1.2; }
.place { fill: var(--accent); }
svg .place-name { fill: var(--soft); }
.share-0 { fill: var(--accent); background: var(--accent); }
.share-1 { fill: var(--accent-2); background: var(--accent-2); }
.share-2 { fill: var(--warm); background: var(--warm); }
.share-3 { fill: var(--soft); background: var(--soft); }
.scroll { overflow-x: auto; margin: 0 0 1rem; }
table { border-collapse: collapse; width: 100%; font: .9rem/1.4 var(--sans); font-variant-numeric: tabular-nums; }
th, td { padding: .5rem 0 .5rem 1rem; text-align: right; font-weight: 400; border-top: 1px solid var(--faint);
  vertical-align: baseline; white-space: nowrap; }
th[scope=row] { text-align: left; padding-left: 0; white-space: normal; }
thead th { color: var(--soft); border-top: 0; font-size: .82rem; }
tr.published th, tr.published td { font-weight: 600; }
tr.by-chance th, tr.by-chance td { color: var(--soft); }
.searches, .answers { list-style: none; margin: 0; padding: 0; }
.searches > li { display: grid; grid-template-columns: 10.5rem minmax(0, 1fr); gap: 1.6rem; padding: 1.1rem 0;
  border-top: 1px solid var(--faint); break-inside: avoid; }
.searches > li:first-child { border-top: 0; }
.query { display: flex; flex-direction: column; gap: .55rem; border-right: 1px solid var(--rule);
  padding-right: 1.6rem; }
.query p { font: .82rem/1.35 var(--sans); margin: 0; color: var(--soft); }
.query b { color: var(--ink); font-weight: 600; display: block; }
.query small { font-size: 1em; }
.answers { display: grid; grid-template-columns: repeat(5, minmax(0, 1fr)); gap: .9rem; counter-reset: rank; }
.answers li { counter-increment: rank; font: .78rem/1.3 var(--sans); color: var(--soft); display: flex;
  flex-direction: column; gap: .45rem; }
.answers .name::before { content: counter(rank) "\\2002"; color: var(--soft); }
.art { width: 84px; height: 84px; max-width: 100%; object-fit: cover; display: block; aspect-ratio: 1; }
.query .art { width: 96px; height: 96px; }
.initial { background: var(--raised); color: var(--soft); font: 2rem/84px var(--serif); text-align: center; }
.answers .right { color: var(--ink); font-weight: 600; }
.answers .right .art { outline: 2px solid var(--accent); outline-offset: 4px; }
.answers .right svg.art { border-radius: 50%; }
.mark { color: var(--accent); }
.mark::before { content: "\\2713\\2002"; }
.views { display: grid; grid-template-columns: repeat(3, 1fr); gap: 2rem; margin: 1.5rem 0 .5rem; }
.views dt { font: 600 .9rem/1.4 var(--sans); }
.views dd { margin: 0; font: .85rem/1.5 var(--sans); color: var(--soft); }
.views .number { font: 1.9rem/1.3 var(--serif); color: var(--ink); font-variant-numeric: lining-nums; }
.key { display: inline-block; width: 1.4em; height: 0; border-top: 3px solid; vertical-align: middle;
  margin-right: .6em; }
.key.aggregate { border-color: var(--accent); }
.key.local { border-color: var(--warm); opacity: .7; }
.key.worst_case { border-top-style: dotted; border-color: var(--alarm); }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: 1.3rem 2rem;
  margin: 0 0 1.6rem; }
.facts dt { font: .82rem/1.4 var(--sans); color: var(--soft); }
.facts dd { margin: 0; font-size: 1.15rem; line-height: 1.35; font-variant-numeric: lining-nums; }
.stages { list-style: none; padding: 0; margin: -.6rem 0 1rem; display: flex; flex-wrap: wrap; gap: .4rem 1.6rem;
  font: .88rem/1.4 var(--sans); }
.stages i { display: inline-block; width: .7em; height: .7em; margin-right: .5em; }
.stages b { font-weight: 400; color: var(--soft); margin-left: .5em; font-variant-numeric: tabular-nums; }
pre { background: var(--raised); padding: 1rem 1.2rem; margin: 0 0 1.2rem; white-space: pre-wrap; line-height: 1.7;
  }
.comparison th[scope=row] { min-width: 11rem; }
pre.command { padding: .55rem .8rem; font-size: .74rem; line-height: 1.5; color: var(--soft); margin: .4rem 0 1.2rem; }
pre span { display: inline-block; max-width: 100%; }
details { margin: .6rem 0; }
summary { cursor: pointer; font: .9rem/1.6 var(--sans); color: var(--accent); }
.pairs { columns: 2; column-gap: 2.5rem; margin: .6rem 0 1.4rem; font: .86rem/1.4 var(--sans); }
.pairs > div { display: grid; grid-template-columns: 9.5rem minmax(0, 1fr); padding: .38rem 0; break-inside: avoid;
  border-top: 1px solid var(--faint); }
.pairs dd { margin: 0; color: var(--soft); font-variant-numeric: lining-nums tabular-nums; }
.risks { padding-left: 0; margin: 0; list-style: none; display: grid; gap: .9rem; max-width: 42rem; }
.risks b { font-weight: 600; }
@media (max-width: 62rem) {
  section { grid-template-columns: minmax(0, 1fr); gap: 1rem; }
}
@media screen and (max-width: 48rem) {
  body { font-size: 1rem; }
  main { padding: 2.2rem 1.25rem 2rem; }
  .wide { display: none; }
  .narrow { display: block; }
  .figures, .views { grid-template-columns: minmax(0, 1fr); gap: 1.1rem; }
  .figures > div + div { border-top: 1px solid var(--rule); }
  .figures dd { font-size: 2.5rem; }
  .searches > li { grid-template-columns: minmax(0, 1fr); gap: .9rem; padding: 1.3rem 0; }
  .query { flex-direction: row; align-items: center; border: 0; padding: 0; }
  .query .art { width: 72px; height: 72px; flex: none; }
  .answers { gap: .6rem; }
  .answers li { font-size: .7rem; }
  .initial { line-height: 58px; }
  .answers .art { width: 100%; height: auto; }
  tr { display: grid; grid-template-columns: repeat(4, 1fr); border-top: 1px solid var(--faint); padding: .45rem 0;
    }
  th, td { padding: .1rem 0; font-size: .85rem; border: 0; text-align: left; }
  thead tr { border: 0; }
  thead th:first-child { display: none; }
  th[scope=row] { grid-column: 1 / -1; }
  .comparison table { width: max-content; }
  .comparison tr { display: table-row; }
  .comparison th, .comparison td { padding: .35rem 0 .35rem .9rem; text-align: right; }
  .comparison thead th:first-child { display: table-cell; }
  .comparison th[scope=row] { text-align: left; padding-left: 0; width: 9rem; min-width: 9rem; position: sticky;
    left: 0; background: var(--paper); }
  .pairs { columns: 1; }
  .pairs > div { grid-template-columns: 8.8rem minmax(0, 1fr); }
}
@media print {
  :root { --paper: #fff; --raised: #f5f5f5; --ink: #000; --soft: #555; --rule: #bbb; --faint: #e5e5e5;
    --accent: #1d5c6b; --accent-2: #6a9aa3; --warm: #a9761f; --alarm: #ad3a26; color-scheme: light; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  body { font-size: 10pt; }
  main { max-width: none; padding: 0; }
  section { grid-template-columns: minmax(0, 1fr); gap: .6rem; }
  figure, .views, .figures { break-inside: avoid; }
  h2 { break-after: avoid; }
}
"""

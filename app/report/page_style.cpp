#include "polder/app/report/page_style.h"

namespace polder::app {
namespace {

// The palette keeps a contrast of at least 4.5 to 1 with its background, and neighbours differ in
// lightness too, so that it works without colour vision; every curve also has its name beside it.
constexpr std::string_view kStyle =
    R"(:root {
  --paper: #ffffff; --ink: #1b1f24; --soft: #59636e; --rule: #e3e7eb; --axis: #9aa4ae;
  --k0: #0b62a8; --k1: #c2410c; --k2: #0a7a55; --k3: #9a2f86;
  --k4: #7a5a00; --k5: #4b46c8; --k6: #b3123a; --k7: #36656f;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --paper: #14181d; --ink: #e7ebef; --soft: #9fabb7; --rule: #2a3139; --axis: #66717d;
    --k0: #6cb6ff; --k1: #ff9b5e; --k2: #4fd1a5; --k3: #e78fd3;
    --k4: #e0bd4f; --k5: #aaaeff; --k6: #ff8598; --k7: #8fcbd8;
  }
}
* { box-sizing: border-box; }
html { font-size: 16px; -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
  font-variant-numeric: tabular-nums;
}
main { max-width: 1080px; margin: 0 auto; padding: 40px 24px 64px; }
.mark { margin: 0; color: var(--k0); font-weight: 600; letter-spacing: .04em; }
h1 { margin: 4px 0 8px; font-size: 2rem; line-height: 1.2; letter-spacing: -.01em; }
h2 { margin: 48px 0 8px; padding-top: 14px; border-top: 1px solid var(--rule); font-size: 1.3rem; }
h3 { margin: 0 0 6px; font-size: 1rem; }
.lead { margin: 0; max-width: 68ch; color: var(--soft); font-size: 1.06rem; }
.verdict { margin: 28px 0 0; max-width: 68ch; font-size: 1.15rem; }
.numbers { display: flex; flex-wrap: wrap; gap: 18px 44px; margin: 28px 0 0; }
.numbers div { display: flex; flex-direction: column; }
.numbers dd { margin: 0; font-size: 1.7rem; font-weight: 600; line-height: 1.2; }
.numbers dt { color: var(--soft); font-size: .92rem; }
.pair { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 32px 40px; }
.pair > :not(figure) { grid-column: 1 / -1; min-width: 0; }
figure { margin: 12px 0 0; }
figcaption, .note { margin: 6px 0 0; max-width: 68ch; color: var(--soft); font-size: .92rem; }
svg { display: block; width: 100%; height: auto; font-size: 12.5px; }
svg text { fill: var(--ink); }
svg .tick, svg .label { fill: var(--soft); }
svg .name { font-weight: 600; }
svg .value { font-size: 12px; }
.grid { stroke: var(--rule); stroke-width: 1; }
.axis { stroke: var(--axis); stroke-width: 1; }
.curve { fill: none; stroke-width: 2.2; stroke-linejoin: round; stroke-linecap: round; }
.dashed { stroke-dasharray: 5 4; }
.interval { fill: none; stroke-width: 3; stroke-linecap: round; opacity: .55; }
.band { stroke: none; opacity: .16; }
.seed { stroke: none; opacity: .45; }
)"
    R"(.curve.c0, .interval.c0 { stroke: var(--k0); } .curve.c1, .interval.c1 { stroke: var(--k1); }
.curve.c2, .interval.c2 { stroke: var(--k2); } .curve.c3, .interval.c3 { stroke: var(--k3); }
.curve.c4, .interval.c4 { stroke: var(--k4); } .curve.c5, .interval.c5 { stroke: var(--k5); }
.curve.c6, .interval.c6 { stroke: var(--k6); } .curve.c7, .interval.c7 { stroke: var(--k7); }
.interval.c8 { stroke: var(--axis); } .dot.c8, .seed.c8 { fill: var(--axis); }
.band.c0, .dot.c0, .seed.c0, svg .name.c0 { fill: var(--k0); }
.band.c1, .dot.c1, .seed.c1, svg .name.c1 { fill: var(--k1); }
.band.c2, .dot.c2, .seed.c2, svg .name.c2 { fill: var(--k2); }
.band.c3, .dot.c3, .seed.c3, svg .name.c3 { fill: var(--k3); }
.band.c4, .dot.c4, .seed.c4, svg .name.c4 { fill: var(--k4); }
.band.c5, .dot.c5, .seed.c5, svg .name.c5 { fill: var(--k5); }
.band.c6, .dot.c6, .seed.c6, svg .name.c6 { fill: var(--k6); }
.band.c7, .dot.c7, .seed.c7, svg .name.c7 { fill: var(--k7); }
.table { overflow-x: auto; margin-top: 12px; }
table { border-collapse: collapse; width: 100%; font-size: .96rem; }
th, td { padding: 7px 0 7px 22px; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { padding-left: 0; text-align: left; white-space: normal;
                                  overflow-wrap: anywhere; min-width: 11em; }
th { color: var(--soft); font-weight: 500; vertical-align: bottom; }
tbody tr { border-top: 1px solid var(--rule); }
details { margin-top: 48px; border-top: 1px solid var(--rule); padding-top: 14px; }
summary { cursor: pointer; font-weight: 600; }
pre { overflow-x: auto; color: var(--soft); font-size: .85rem; line-height: 1.45; }
@media (max-width: 760px) {
  main { padding: 24px 16px 48px; }
  h1 { font-size: 1.55rem; }
  .pair { grid-template-columns: minmax(0, 1fr); }
  .numbers { gap: 14px 28px; }
  .numbers dd { font-size: 1.35rem; }
  table { font-size: .9rem; }
  th, td { padding-left: 14px; }
}
@media print {
  @page { margin: 16mm; }
  html { font-size: 12px; }
  main { max-width: none; padding: 0; }
  h2 { margin-top: 24px; }
  h2, h3 { break-after: avoid; }
  .pair { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 16px 28px; }
  figure, tr, .numbers, .table { break-inside: avoid; }
  .table { overflow: visible; }
  th, td { padding-left: 12px; }
  details { display: none; }
}
)";

}  // namespace

std::string_view page_style() { return kStyle; }

}  // namespace polder::app

//! How the page looks: light, dark, on paper; and the patterns that tell kinds apart without
//! colour.

/// Fills that the drawings refer to. Outside of them, since both use them.
pub const PATTERNS: &str = r##"<svg class="patterns" width="0" height="0" aria-hidden="true" focusable="false"><defs>
<pattern id="fill-consistent" width="8" height="8" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect class="base-consistent" width="8" height="8"/><rect class="stripe-consistent" width="2" height="8"/></pattern>
<pattern id="fill-unproven" width="8" height="8" patternUnits="userSpaceOnUse"><rect class="base-unproven" width="8" height="8"/><circle class="stripe-unproven" cx="2" cy="2" r="1.1"/><circle class="stripe-unproven" cx="6" cy="6" r="1.1"/></pattern>
<pattern id="fill-hole" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(-45)"><rect class="base-hole" width="7" height="7"/><rect class="stripe-hole" width="1.6" height="7"/></pattern>
<pattern id="fill-damaged" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect class="base-damaged" width="5" height="5"/><rect class="stripe-damaged" width="1.6" height="5"/><rect class="stripe-damaged" width="5" height="1.6"/></pattern>
</defs></svg>
"##;

/// The style sheet. Dark is for screens only: paper is white.
pub const CSS: &str = r##":root{
--page:#f6f7f8;--card:#fff;--ink:#1b1f24;--quiet:#57606a;--line:#d5d9de;--grid:#e6e9ec;
--sound:#116b41;--sound-tint:#e8f5ee;--warn:#7d4e00;--warn-tint:#fdf4e0;--bad:#a8231c;--bad-tint:#fdeeec;--gone:#9a3412;--gone-tint:#fff1e8;
--proven:#1a7f4e;--on-proven:#fff;--consistent:#b9d6f5;--consistent-stripe:#93bdec;--on-consistent:#0b2f57;
--unproven:#fbe3ad;--unproven-dot:#c68a12;--on-unproven:#4d3200;--log:#7b8794;--snapshot:#3b4a5a;--fuzzy:#8fa0b3;--code:#eef1f4;
color-scheme:light}
@media screen and (prefers-color-scheme:dark){:root{
--page:#111417;--card:#191d21;--ink:#e7eaed;--quiet:#a3adb8;--line:#343b43;--grid:#262c32;
--sound:#5fd39a;--sound-tint:#12291f;--warn:#f0b95a;--warn-tint:#2d2412;--bad:#ff8f85;--bad-tint:#331816;--gone:#ffa473;--gone-tint:#33200f;
--proven:#2f9e68;--on-proven:#04150c;--consistent:#2c4d75;--consistent-stripe:#3b6396;--on-consistent:#dcebff;
--unproven:#4b3a14;--unproven-dot:#d09a35;--on-unproven:#ffe9bd;--log:#8793a0;--snapshot:#c3cfdb;--fuzzy:#6f8196;--code:#242a31;
color-scheme:dark}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--ink);font:.9375rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif;overflow-wrap:anywhere}
code,pre,.timeline .file,.tick,.gap-label,.mark-label{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
code,pre{font-size:.88em}
main{max-width:1280px;margin:0 auto;padding:24px 24px 48px}
.patterns{position:absolute}
h2{font-size:1.2rem;line-height:1.3;margin:0 0 10px}
h3{font-size:.95rem;margin:0 0 4px}
p{margin:0 0 8px}
main>section{margin-top:36px}
.note,caption{color:var(--quiet);font-size:.87rem}
.verdict{background:var(--card);border:1px solid var(--line);border-top:8px solid var(--tone);border-radius:10px;padding:18px 26px 16px}
.verdict.sound{--tone:var(--sound);--tint:var(--sound-tint)}
.verdict.warnings{--tone:var(--warn);--tint:var(--warn-tint)}
.verdict.incomplete{--tone:var(--gone);--tint:var(--gone-tint)}
.verdict.damaged{--tone:var(--bad);--tint:var(--bad-tint)}
.about{color:var(--quiet);font-size:.9rem;margin:0}
.word{display:flex;align-items:center;gap:16px;margin:8px 0 6px;color:var(--tone)}
.word svg{flex:none;width:52px;height:52px;fill:none;stroke:currentColor;stroke-width:6;stroke-linecap:round;stroke-linejoin:round}
h1{font-size:clamp(1.7rem,6vw,3rem);line-height:1.1;letter-spacing:.01em;font-weight:800;margin:0}
.lead{font-size:1.18rem;line-height:1.45;max-width:62em;margin:0 0 16px}
.answers{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(260px,100%),1fr));gap:12px 28px;border-top:1px solid var(--line);padding-top:14px}
.answers h2{font-size:.8rem;text-transform:uppercase;letter-spacing:.06em;color:var(--quiet);margin:0 0 4px}
.answers ul{margin:0 0 6px;padding:0 0 0 1.1em}
.answers li{margin-bottom:5px}
.answers code{white-space:nowrap}
.when{display:block;color:var(--quiet);font-size:.87rem}
.command{background:var(--tint);border:1px solid var(--line);border-left:4px solid var(--tone);border-radius:6px;padding:10px 14px;margin:10px 0 4px;white-space:pre-wrap;overflow-wrap:anywhere}
.scroll{overflow-x:auto;max-width:100%;border:1px solid var(--line);border-radius:8px;background:var(--card)}
.scroll:focus-visible,.command:focus-visible{outline:2px solid var(--quiet);outline-offset:2px}
table{border-collapse:collapse;width:100%;font-size:.87rem;line-height:1.45;font-variant-numeric:tabular-nums;overflow-wrap:normal}
caption{text-align:left;padding:9px}
th,td{text-align:left;vertical-align:top;padding:6px 9px;border-top:1px solid var(--line)}
thead th{white-space:nowrap;color:var(--quiet);font-weight:600;font-size:.82rem}
tbody th{font-weight:inherit}
.short{white-space:nowrap}
th.number,.number{text-align:right;white-space:nowrap}
.wide{min-width:16em}
.of-findings .wide:nth-child(3){min-width:19em}
.where{min-width:17em;max-width:24em;overflow-wrap:anywhere}
.where ul{list-style:none;margin:0;padding:0}
.whole{white-space:nowrap}
.code{background:var(--code);border-radius:4px;padding:1px 5px;white-space:nowrap}
.level svg{vertical-align:-4px;margin-right:5px}
.level.damage,.state.damaged{color:var(--bad);font-weight:600}
.level.missing{color:var(--gone);font-weight:600}
.level.warning,.state.warned{color:var(--warn);font-weight:600}
.facts{display:grid;grid-template-columns:minmax(9em,max-content) 1fr;gap:5px 22px;margin:0;background:var(--card);border:1px solid var(--line);border-radius:8px;padding:12px 16px;font-size:.9rem}
.facts dt{color:var(--quiet)}
.facts dd{margin:0}
figure{margin:0 0 20px}
figcaption{margin-top:6px}
.drawing{padding:10px 8px 6px}
.drawing .note{padding:4px 8px}
.timeline{display:block;width:100%;min-width:900px;height:auto}
.timeline text{font-size:11px;fill:var(--ink);text-anchor:middle}
.timeline .row{text-anchor:end;fill:var(--quiet)}
.timeline .tick{fill:var(--quiet);font-size:10.5px}
.timeline .beside{font-weight:600;paint-order:stroke;stroke:var(--card);stroke-width:4px}
.timeline .none{text-anchor:start;fill:var(--bad);font-weight:700}
.axis,.break{stroke:var(--quiet);stroke-width:1.2}
.grid{stroke:var(--grid);stroke-width:1}
.epoch{fill:var(--code);stroke:var(--line);stroke-width:1}
.timeline .on-epoch{fill:var(--quiet)}
.window{stroke-width:1}
.window.proven{fill:var(--proven);stroke:var(--proven)}
.window.consistent{fill:url(#fill-consistent);stroke:var(--on-consistent)}
.window.unproven{fill:url(#fill-unproven);stroke:var(--unproven-dot)}
.window.not-replayed{fill:var(--card);stroke:var(--quiet);stroke-dasharray:5 3}
.timeline .on-proven{fill:var(--on-proven);font-weight:600}
.timeline .on-consistent{fill:var(--on-consistent);font-weight:600;paint-order:stroke;stroke:var(--consistent);stroke-width:3px}
.timeline .on-unproven{fill:var(--on-unproven);font-weight:600;paint-order:stroke;stroke:var(--unproven);stroke-width:3px}
.timeline .on-not-replayed{font-weight:600}
.base-consistent{fill:var(--consistent)}.stripe-consistent{fill:var(--consistent-stripe)}
.base-unproven{fill:var(--unproven)}.stripe-unproven{fill:var(--unproven-dot)}
.base-hole{fill:var(--bad-tint)}.stripe-hole{fill:var(--bad);opacity:.3}
.base-damaged{fill:var(--bad-tint)}.stripe-damaged{fill:var(--bad)}
.hole{fill:url(#fill-hole);stroke:var(--bad);stroke-width:.8;stroke-dasharray:2 2}
.hole.thin{fill:var(--bad);opacity:.55;stroke:none}
.timeline .gap-label{fill:var(--bad);font-weight:700;paint-order:stroke;stroke:var(--card);stroke-width:6px}
.log{fill:var(--log)}
.log.warned{stroke:var(--warn);stroke-width:2}
.log.damaged{fill:url(#fill-damaged);stroke:var(--bad);stroke-width:1.4}
.timeline .sign{fill:var(--bad);font-weight:700;paint-order:stroke;stroke:var(--card);stroke-width:3px}
.timeline .sign.warned{fill:var(--warn)}
.timeline .start{text-anchor:start}.timeline .end{text-anchor:end}
.snapshot{fill:var(--snapshot)}
.snapshot.damaged{fill:var(--card);stroke:var(--bad);stroke-width:1.8;stroke-linecap:round}
.fuzzy{fill:var(--fuzzy)}
.timeline .mark-label{font-size:10.5px;fill:var(--quiet);paint-order:stroke;stroke:var(--card);stroke-width:5px}
.severity{stroke:var(--card);stroke-width:.8}
.severity.damage{fill:var(--bad)}.severity.missing{fill:var(--gone)}.severity.warning{fill:var(--warn)}.severity.info{fill:var(--quiet)}
.severity-sign{fill:none;stroke:var(--card);stroke-width:1.7;stroke-linecap:round}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:4px 20px;margin:0 0 14px;padding:0;font-size:.87rem;color:var(--quiet)}
.legend li{display:flex;align-items:center;gap:7px}
.legend svg{flex:none}
@media (max-width:640px){main{padding:12px 12px 32px}.verdict{padding:14px 16px 12px}.word{gap:11px}.word svg{width:38px;height:38px}.lead{font-size:1.05rem}.facts{grid-template-columns:1fr;gap:0}.facts dd{margin-bottom:7px}.answers code{white-space:normal}}
@media print{
@page{size:A4 landscape;margin:11mm}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}
:root{--page:#fff}
html{font-size:11px}
main{max-width:none;padding:0}
main>section{margin-top:18px}
.history{break-before:page}
h1{font-size:2.6rem}
.scroll{overflow:visible;border:0;border-radius:0}
.timeline{min-width:0}
figure,.verdict,tr,.facts{break-inside:avoid}
h2,h3,caption,thead{break-after:avoid}
thead{display:table-header-group}
table{font-size:.8rem;overflow-wrap:anywhere}
th,td{padding:3px 6px}
caption{padding:3px 6px}
.word svg{width:40px;height:40px}
.verdict{padding:10px 16px}
.wide,.where{min-width:0;max-width:none}
.of-findings .wide,.of-findings .wide:nth-child(3){min-width:16em}
.of-findings .where{min-width:17em}
.code{white-space:normal}
}
"##;

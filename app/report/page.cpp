#include "polder/app/report/page.h"

#include <fmt/format.h>

#include "polder/app/report/page_style.h"
#include "polder/app/report/svg.h"

namespace polder::app {

std::string figure(std::string_view heading, const std::string& html, std::string_view caption) {
  if (html.empty()) return "";
  return fmt::format("<figure>\n<h3>{}</h3>\n{}<figcaption>{}</figcaption>\n</figure>\n",
                     escaped(heading), html, escaped(caption));
}

std::string section(std::string_view heading, const std::vector<std::string>& html) {
  std::string all;
  for (const std::string& part : html) all += part;
  if (all.empty()) return "";
  return fmt::format("<section>\n<h2>{}</h2>\n<div class=\"pair\">\n{}</div>\n</section>\n",
                     escaped(heading), all);
}

std::string key_numbers(const std::vector<std::pair<std::string, std::string>>& value_and_word) {
  std::string items;
  for (const auto& [value, word] : value_and_word)
    items += fmt::format("<div><dd>{}</dd><dt>{}</dt></div>\n", escaped(value), escaped(word));
  return "<dl class=\"numbers\">\n" + items + "</dl>\n";
}

std::string table(const Table& table) {
  const auto row = [](const std::vector<std::string>& cells, std::string_view tag) {
    std::string html;
    for (const std::string& cell : cells) html += fmt::format("<{0}>{1}</{0}>", tag, escaped(cell));
    return "<tr>" + html + "</tr>\n";
  };
  std::string body;
  for (const auto& cells : table.rows) body += row(cells, "td");
  const std::string note =
      table.note.empty() ? "" : fmt::format("<p class=\"note\">{}</p>\n", escaped(table.note));
  return fmt::format(
      "<div class=\"table\"><table>\n<thead>{}</thead>\n<tbody>\n{}</tbody>\n</table>\n{}</div>\n",
      row(table.head, "th"), body, note);
}

std::string folded(std::string_view heading, std::string_view text) {
  return fmt::format("<details>\n<summary>{}</summary>\n<pre>{}</pre>\n</details>\n",
                     escaped(heading), escaped(text));
}

std::string page(std::string_view title, std::string_view lead, const std::string& html) {
  return fmt::format(R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<meta name="color-scheme" content="light dark"/>
<title>{0} · polder</title>
<style>
{1}</style>
</head>
<body>
<main>
<header>
<p class="mark">polder</p>
<h1>{0}</h1>
<p class="lead">{2}</p>
</header>
{3}</main>
</body>
</html>
)",
                     escaped(title), page_style(), escaped(lead), html);
}

}  // namespace polder::app

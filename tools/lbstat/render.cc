#include "lbstat/render.h"

#include <string_view>
#include <utility>

#include "lbstat/format.h"

namespace sluice::lbstat {
namespace {

constexpr std::size_t kComfortableName = 16;

/// Adds a column whose cells are `cell_of` each row.
template <typename Row, typename CellOf>
void add(std::vector<Column>& columns, const std::vector<Row>& rows, Column column,
         CellOf cell_of) {
  for (const Row& row : rows) column.cells.push_back(cell_of(row));
  columns.push_back(std::move(column));
}

Column name_column(std::string heading, int priority = kNeverDropped) {
  return {std::move(heading), "", Align::kLeft, priority, "", kComfortableName};
}

Column text_column(std::string heading, int priority = kNeverDropped, std::string dull = "") {
  return {std::move(heading), "", Align::kLeft, priority, std::move(dull)};
}

Column number_column(std::string heading, std::string short_heading, int priority,
                     std::string dull = "") {
  return {std::move(heading), std::move(short_heading), Align::kRight, priority, std::move(dull)};
}

Cell text_cell(std::string_view text) {
  return {text.empty() ? "-" : printable(text)};
}

Cell count_cell(std::uint64_t count) {
  return {format_count(count), count == 0 ? Tone::kFaint : Tone::kPlain};
}

Cell bytes_cell(std::uint64_t bytes) {
  return {format_bytes(bytes), bytes == 0 ? Tone::kFaint : Tone::kPlain};
}

/// Failures: they are what one looks for.
Cell failures_cell(std::uint64_t count) {
  return {format_count(count), count == 0 ? Tone::kFaint : Tone::kWarning};
}

/// `UP 2/3` is on its way down.
Cell state_cell(const std::string& state) {
  Tone tone = Tone::kWarning;
  if (state == "UP" || state == "OPEN") tone = Tone::kGood;
  if (state.rfind("DOWN", 0) == 0) tone = Tone::kBad;
  if (state == "NOCHECK" || state == "STANDBY") tone = Tone::kPlain;
  return {printable(state), tone};
}

/// Sessions and bytes: of all time, or of the last interval.
template <typename Row>
void add_traffic(std::vector<Column>& columns, const std::vector<Row>& rows,
                 const std::vector<Rates>& rates) {
  add(columns, rows, number_column("current", "cur", 90),
      [](const Row& row) { return count_cell(row.current); });
  add(columns, rows, number_column("max", "", 35),
      [](const Row& row) { return count_cell(row.max); });
  add(columns, rows, number_column("total", "", 80),
      [](const Row& row) { return count_cell(row.total); });
  if (rates.size() != rows.size()) {
    add(columns, rows, number_column("bytes_in", "in", 70),
        [](const Row& row) { return bytes_cell(row.bytes_in); });
    add(columns, rows, number_column("bytes_out", "out", 71),
        [](const Row& row) { return bytes_cell(row.bytes_out); });
    return;
  }
  add(columns, rates, number_column("total/s", "/s", 75),
      [](const Rates& rate) { return Cell{format_rate(rate.sessions)}; });
  add(columns, rates, number_column("bytes_in/s", "in/s", 70),
      [](const Rates& rate) { return Cell{format_byte_rate(rate.bytes_in)}; });
  add(columns, rates, number_column("bytes_out/s", "out/s", 71),
      [](const Rates& rate) { return Cell{format_byte_rate(rate.bytes_out)}; });
}

std::string join(const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : " ") + part;
  return out;
}

/// `copy`, `splice`, or both directions where they differ.
Cell relay_cell(const SessionRow& row) {
  if (row.relay_in == row.relay_out || row.relay_in.empty() || row.relay_out.empty()) {
    return text_cell(row.relay);
  }
  return text_cell(row.relay_in + '/' + row.relay_out);
}

}  // namespace

std::string render(const std::vector<FrontendRow>& rows, const std::vector<Rates>& rates,
                   const Layout& layout) {
  using Row = FrontendRow;
  if (rows.empty()) return "no frontends\n";
  std::vector<Column> columns;
  add(columns, rows, name_column("frontend"), [](const Row& row) { return text_cell(row.name); });
  add(columns, rows, text_column("protocol", 30, "tcp"),
      [](const Row& row) { return text_cell(row.protocol); });
  add(columns, rows, {"listen", "", Align::kLeft, 60, "", 24},
      [](const Row& row) { return text_cell(join(row.listen)); });
  add(columns, rows, name_column("backend", 50),
      [](const Row& row) { return text_cell(row.backend); });
  add(columns, rows, text_column("state"), [](const Row& row) { return state_cell(row.state); });
  add_traffic(columns, rows, rates);
  add(columns, rows, number_column("refused", "ref", 55, "0"),
      [](const Row& row) { return failures_cell(row.refused); });
  add(columns, rows, number_column("errors", "err", 65, "0"),
      [](const Row& row) { return failures_cell(row.errors); });
  return render_table(std::move(columns), layout);
}

std::string render(const std::vector<BackendRow>& rows, const std::vector<Rates>& rates,
                   const Layout& layout) {
  using Row = BackendRow;
  if (rows.empty()) return "no backends\n";
  std::vector<Column> columns;
  add(columns, rows, name_column("backend"), [](const Row& row) { return text_cell(row.name); });
  add(columns, rows, text_column("policy", 30),
      [](const Row& row) { return text_cell(row.policy); });
  add(columns, rows, text_column("state"), [](const Row& row) { return state_cell(row.state); });
  add(columns, rows, {"servers", "up", Align::kRight, 85}, [](const Row& row) {
    const Tone tone = row.servers_up < row.servers ? Tone::kWarning : Tone::kPlain;
    return Cell{std::to_string(row.servers_up) + '/' + std::to_string(row.servers), tone};
  });
  add(columns, rows, text_column("standby", 45, "-"), [](const Row& row) {
    return row.standby_active ? Cell{"active", Tone::kWarning} : Cell{"-", Tone::kFaint};
  });
  add_traffic(columns, rows, rates);
  add(columns, rows, number_column("errors", "err", 65, "0"),
      [](const Row& row) { return failures_cell(row.errors); });
  add(columns, rows, number_column("retries", "retry", 40, "0"),
      [](const Row& row) { return failures_cell(row.retries); });
  add(columns, rows, number_column("queue", "", 60, "0"),
      [](const Row& row) { return failures_cell(row.queue); });
  return render_table(std::move(columns), layout);
}

std::string render(const std::vector<ServerRow>& rows, const std::vector<Rates>& rates,
                   const Layout& layout) {
  using Row = ServerRow;
  if (rows.empty()) return "no servers\n";
  std::vector<Column> columns;
  add(columns, rows, name_column("frontend", 45),
      [](const Row& row) { return text_cell(row.frontend); });
  add(columns, rows, name_column("backend", 95),
      [](const Row& row) { return text_cell(row.backend); });
  add(columns, rows, name_column("server"), [](const Row& row) { return text_cell(row.server); });
  add(columns, rows, {"address", "", Align::kLeft, 50, "", 21},
      [](const Row& row) { return text_cell(row.address); });
  add(columns, rows, text_column("state"), [](const Row& row) { return state_cell(row.state); });
  add(columns, rows, {"check", "", Align::kLeft, 40, "-", 18},
      [](const Row& row) { return text_cell(row.check); });
  add(columns, rows, number_column("weight", "wt", 25, "1"),
      [](const Row& row) { return count_cell(row.weight); });
  add(columns, rows, text_column("mode", 55), [](const Row& row) { return text_cell(row.mode); });
  add_traffic(columns, rows, rates);
  add(columns, rows, number_column("errors", "err", 65, "0"),
      [](const Row& row) { return failures_cell(row.errors); });
  add(columns, rows, number_column("retries", "retry", 38, "0"),
      [](const Row& row) { return failures_cell(row.retries); });
  add(columns, rows, number_column("queue", "", 60, "0"),
      [](const Row& row) { return failures_cell(row.queue); });
  add(columns, rows, number_column("last_change", "since", 48),
      [](const Row& row) { return Cell{format_duration(row.last_change)}; });
  return render_table(std::move(columns), layout);
}

std::string render(const std::vector<SessionRow>& rows, const std::vector<Rates>& rates,
                   const Layout& layout) {
  using Row = SessionRow;
  if (rows.empty()) return "no sessions\n";
  std::vector<Column> columns;
  add(columns, rows, {"id", "", Align::kRight},
      [](const Row& row) { return Cell{std::to_string(row.id)}; });
  add(columns, rows, text_column("client"), [](const Row& row) { return text_cell(row.client); });
  add(columns, rows, name_column("frontend", 40),
      [](const Row& row) { return text_cell(row.frontend); });
  add(columns, rows, name_column("backend", 75),
      [](const Row& row) { return text_cell(row.backend); });
  add(columns, rows, name_column("server", 80),
      [](const Row& row) { return text_cell(row.server); });
  add(columns, rows, text_column("address", 30),
      [](const Row& row) { return text_cell(row.address); });
  add(columns, rows, text_column("state", 65), [](const Row& row) { return text_cell(row.state); });
  add(columns, rows, number_column("age", "", 60),
      [](const Row& row) { return Cell{format_duration(row.age)}; });
  add(columns, rows, number_column("idle", "", 45),
      [](const Row& row) { return Cell{format_duration(row.idle)}; });
  add(columns, rows, number_column("bytes_in", "in", 70),
      [](const Row& row) { return bytes_cell(row.bytes_in); });
  add(columns, rows, number_column("bytes_out", "out", 71),
      [](const Row& row) { return bytes_cell(row.bytes_out); });
  if (rates.size() == rows.size()) {
    add(columns, rates, number_column("bytes_in/s", "in/s", 66),
        [](const Rates& rate) { return Cell{format_byte_rate(rate.bytes_in)}; });
    add(columns, rates, number_column("bytes_out/s", "out/s", 67),
        [](const Rates& rate) { return Cell{format_byte_rate(rate.bytes_out)}; });
  }
  add(columns, rows, text_column("relay", 55), relay_cell);
  add(columns, rows, {"tls", "", Align::kLeft, 50, "-", 16},
      [](const Row& row) { return text_cell(row.tls); });
  return render_table(std::move(columns), layout);
}

std::string render(const std::vector<ReasonRow>& rows, const std::vector<Rates>& rates,
                   const Layout& layout) {
  using Row = ReasonRow;
  if (rows.empty()) return "no session has ended yet\n";
  std::vector<Column> columns;
  add(columns, rows, text_column("reason"), [](const Row& row) { return text_cell(row.reason); });
  add(columns, rows, text_column("side"), [](const Row& row) { return text_cell(row.side); });
  add(columns, rows, {"total", "", Align::kRight},
      [](const Row& row) { return count_cell(row.total); });
  if (rates.size() == rows.size()) {
    add(columns, rates, {"total/s", "", Align::kRight},
        [](const Rates& rate) { return Cell{format_rate(rate.sessions)}; });
  }
  return render_table(std::move(columns), layout);
}

}  // namespace sluice::lbstat

// lbstat: looks into a running sluice over its admin socket (contract, section 4).
#include "lbstat/command_line.h"
#include "lbstat/commands.h"
#include "lbstat/find_socket.h"

int main(int count, char** words) {
  using namespace sluice;
  const lbstat::Parsed parsed = lbstat::parse_command_line(count, words);
  if (!parsed.options) return static_cast<int>(parsed.exit_code);
  const auto socket = lbstat::find_socket(parsed.options->socket);
  if (!socket) {
    lbstat::complain(socket.error().text);
    return static_cast<int>(socket.error().exit_code);
  }
  return static_cast<int>(lbstat::run(*parsed.options, *socket));
}

#include "control/request_line.h"

#include <gtest/gtest.h>

#include "base/files.h"
#include "base/strings.h"
#include "control/utf8.h"

namespace cove {
namespace {

// tests/golden/wire/control.txt: a request line beginning with "> ", then what reading it gives: "< error
// line", or "= verb" and the decoded request as the client would send it.
TEST(RequestLine, ReadsAsTheGoldenLinesSay) {
  const auto text = read_file(std::string(COVE_SOURCE_DIR) + "/tests/golden/wire/control.txt");
  ASSERT_TRUE(text.ok());
  std::string request;
  int checked = 0;
  for (const auto line : split(*text, '\n')) {
    if (line.rfind("> ", 0) == 0) request = line.substr(2);
    if (line.rfind("< ", 0) != 0 && line.rfind("= ", 0) != 0) continue;
    const auto served = read_request(request, "T");
    std::string got;
    if (served.ok()) {
      got = "= " + std::string(served->verb->name) + " " + served->request.ShortDebugString();
    } else {
      got = "< " + response_line(error_response(served.error()), Dialect::kOriginal);
    }
    EXPECT_EQ(trim(got), line) << request;
    ++checked;
  }
  EXPECT_GT(checked, 15);
}

TEST(RequestLine, AnEmptyTokenLetsNobodyIn) {
  EXPECT_EQ(read_request(R"({"type":"ping","token":""})", "").error().code(), Code::kUnauthenticated);
}

TEST(VerbTable, EachVerbIsFoundByItsNameAndId) {
  for (const auto& entry : verbs()) {
    EXPECT_EQ(find_verb(entry.name), &entry);
    EXPECT_EQ(&verb(entry.id), &entry);
    EXPECT_FALSE(entry.doc.empty());
  }
  EXPECT_EQ(find_verb("port_forward"), find_verb("port-forward"));
  EXPECT_EQ(find_verb("nope"), nullptr);
}

TEST(Utf8, KnowsWellFormedText) {
  EXPECT_TRUE(is_utf8(""));
  EXPECT_TRUE(is_utf8("plain \xc3\xa4 \xf0\x9f\x99\x82"));
  for (const char* text : {"\xff", "a\xe2\x82", "\xc0\xaf", "\xed\xa0\x80"}) EXPECT_FALSE(is_utf8(text));
}

TEST(Utf8, ReplacesWhatIsNotWellFormed) {
  EXPECT_EQ(mend_utf8("plain \xc3\xa4 \xf0\x9f\x99\x82"), "plain \xc3\xa4 \xf0\x9f\x99\x82");
  EXPECT_EQ(mend_utf8("\xc0\xaf"), "\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(mend_utf8("\xed\xa0\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(mend_utf8("a\xe2\x82"), "a\xef\xbf\xbd\xef\xbf\xbd");
}

}  // namespace
}  // namespace cove

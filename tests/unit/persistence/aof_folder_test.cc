#include "server/persistence/aof_folder.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace larder::aof_folder_test {
namespace {

namespace fs = std::filesystem;

// In a working folder of its own: a single file of old lies there.
class AofFolderTest : public testing::Test {
 protected:
  AofFolderTest() : before_(fs::current_path()) {
    std::string path = (fs::temp_directory_path() / "aof_folder_XXXXXX").string();
    here_ = ::mkdtemp(path.data());
    fs::current_path(here_);
  }
  ~AofFolderTest() override {
    fs::current_path(before_);
    fs::remove_all(here_);
  }

  static void write(const std::string& path, const std::string& text) {
    std::ofstream(path) << text;
  }
  std::string adopt() {
    return folder.adopt_single_file([this](const std::string&) { ++notices; });
  }

  AofFolder folder{"dir", "a.aof"};
  int notices = 0;

 private:
  fs::path before_, here_;
};

TEST_F(AofFolderTest, ListsNothingWithoutAManifest) {
  EXPECT_EQ(folder.read(), "");
  EXPECT_TRUE(folder.manifest().empty());
  EXPECT_EQ(folder.bytes(), 0U);
}

TEST_F(AofFolderTest, IsReadAgainAsItWasMade) {
  EXPECT_EQ(folder.make_first_base(true), "");
  EXPECT_EQ(folder.add_increment(), "");
  write(folder.path_of(folder.manifest().increments.back()), "1234");
  AofFolder again("dir", "a.aof");
  EXPECT_EQ(again.read(), "");
  EXPECT_EQ(again.manifest().text(), folder.manifest().text());
  EXPECT_EQ(again.bytes(), folder.bytes());
  EXPECT_EQ(again.bytes(), fs::file_size(folder.path_of(*folder.manifest().base)) + 4);
}

TEST_F(AofFolderTest, DeletesWhatANewBaseHasReplaced) {
  ASSERT_EQ(folder.make_first_base(false), "");
  ASSERT_EQ(folder.add_increment(), "");
  const AofManifest old = folder.manifest();
  AofManifest next = old;
  const AofFile increment = next.add_increment();
  const AofFile base = next.next_base(false);
  next.replace_base(base, increment);
  for (const AofFile& file : {base, increment}) write(folder.path_of(file), "x");
  ASSERT_EQ(folder.list(next), "");
  EXPECT_TRUE(fs::exists(folder.path_of(*old.base))) << "history until it is deleted";
  EXPECT_EQ(folder.delete_history(), "");
  EXPECT_FALSE(fs::exists(folder.path_of(*old.base)));
  EXPECT_FALSE(fs::exists(folder.path_of(old.increments.back())));
  EXPECT_TRUE(fs::exists(folder.path_of(base)));
  AofFolder again("dir", "a.aof");
  EXPECT_EQ(again.read(), "");
  EXPECT_TRUE(again.manifest().history.empty());
}

TEST_F(AofFolderTest, AdoptsASingleFile) {
  write("a.aof", "*1\r\n$4\r\nPING\r\n");
  EXPECT_EQ(adopt(), "");
  EXPECT_EQ(notices, 1);
  ASSERT_TRUE(folder.manifest().base.has_value());
  EXPECT_TRUE(fs::exists("dir/a.aof"));
  EXPECT_FALSE(fs::exists("a.aof"));
  EXPECT_EQ(adopt(), "") << "there is none any more";
  EXPECT_EQ(notices, 1);
}

TEST_F(AofFolderTest, AdoptsASingleFileThatWasOnlyListed) {
  write("a.aof", "*1\r\n$4\r\nPING\r\n");
  ASSERT_EQ(adopt(), "");
  fs::rename("dir/a.aof", "a.aof");  // as if the server had died before it moved it
  EXPECT_EQ(folder.read(), "");
  EXPECT_EQ(adopt(), "");
  EXPECT_TRUE(fs::exists("dir/a.aof"));
}

TEST_F(AofFolderTest, LeavesASingleFileBesideAFolderThatIsInUse) {
  ASSERT_EQ(folder.make_first_base(true), "");
  write("a.aof", "*1\r\n$4\r\nPING\r\n");
  EXPECT_EQ(adopt(), "");
  EXPECT_TRUE(fs::exists("a.aof"));
}

TEST_F(AofFolderTest, SaysWhatIsWrong) {
  ASSERT_EQ(folder.make(), "");
  write("dir/a.aof.manifest", "file x seq 1 type ?\n");
  EXPECT_NE(folder.read().find("Invalid AOF manifest file dir/a.aof.manifest"), std::string::npos);
  AofFolder nowhere("missing/dir", "a.aof");
  EXPECT_NE(nowhere.make().find("No such file or directory"), std::string::npos);
  EXPECT_NE(nowhere.make_first_base(true), "");
}

}  // namespace
}  // namespace larder::aof_folder_test

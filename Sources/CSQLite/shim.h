// SQLite as the system installs it (libsqlite3-dev). Nothing of ours is added: what Swift cannot import
// (SQLITE_TRANSIENT) is written in Store/SQLite/Bindable.swift.
#include <sqlite3.h>

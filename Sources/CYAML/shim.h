// libyaml as the system installs it (libyaml-dev). Nothing of ours is added.
#include <yaml.h>

"""What every program that uses Arrow pays; as `python -c "import pyarrow"`."""

import pyarrow

def demo() -> None: "x"
def calibrate() -> None: "x"
def train() -> None: "x"
def compare() -> None: "x"

# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Scripts as people write them for gpiozero, one in the spirit of each recipe of its documentation that needs no network and no
chip beyond the header, and for each a play: what the world does to it, and what it has to do then.

Pins are used in one way by all: 2, 3, 4, 14, 15 are read; 17, 22, 23, 24, 25, 27 are switched; 5, 6, 12, 13, 18, 19 are pulsed;
16, 20, 21 and the rest are as a recipe likes. So one gateway has all lines of those that are run through it (through_gateway)."""
import collections
import textwrap

Recipe = collections.namedtuple("Recipe", "script play through_gateway")
RECIPES = {}


def recipe(script, gateway=False):
    """gateway: it is also run with the gateway holding its lines."""
    def keep(play):
        RECIPES[play.__name__] = Recipe(textwrap.dedent(script), play, gateway)
        return play
    return keep


@recipe("""
    from gpiozero import LED
    from time import sleep
    lamp = LED(17)
    while True:
        lamp.on()
        sleep(0.1)
        lamp.off()
        sleep(0.1)
    """, gateway=True)
def led_1(world):
    world.sees(17, True, False, True, False)


@recipe("""
    from gpiozero import LED
    from signal import pause
    lamp = LED(17)
    lamp.blink(on_time=0.1, off_time=0.1)
    pause()
    """, gateway=True)
def led_2(world):
    world.sees(17, True, False, True, False)


@recipe("""
    from gpiozero import LED
    from signal import pause
    relay = LED("GPIO22", active_high=False, initial_value=True)
    print("is lit:", relay.is_lit)
    pause()
    """)
def led_active_low(world):
    world.says("is lit: True")
    assert not world.level(22)


@recipe("""
    from gpiozero import LED
    from signal import pause
    one, two, three, four = LED(17), LED("BOARD13"), LED("J8:15"), LED("GPIO23")
    for led in (one, two, three, four):
        led.on()
    print(one.pin, two.pin, three.pin, four.pin)
    pause()
    """, gateway=True)
def pin_numbering(world):
    world.says("GPIO17 GPIO27 GPIO22 GPIO23")
    for pin in (17, 27, 22, 23):
        world.sees(pin, True)


@recipe("""
    from gpiozero import PWMLED
    from time import sleep
    lamp = PWMLED(18)
    while True:
        for brightness in (0, 0.5, 1):
            lamp.value = brightness
            sleep(0.6)
    """, gateway=True)
def led_variable_brightness(world):
    world.shines(18, 0.3, 0.7)
    world.shines(18, 0.95, 1)
    world.shines(18, 0, 0.05)


@recipe("""
    from gpiozero import PWMLED
    from signal import pause
    lamp = PWMLED(18)
    lamp.pulse(fade_in_time=1, fade_out_time=1)
    pause()
    """, gateway=True)
def led_pulse(world):
    world.shines(18, 0.6, 1)
    world.shines(18, 0, 0.4)
    world.shines(18, 0.6, 1)


@recipe("""
    from gpiozero import Button
    from time import sleep
    bell = Button(2)
    while True:
        print("pressed" if bell.is_pressed else "not pressed")
        sleep(0.05)
    """, gateway=True)
def button_1(world):
    world.says("not pressed")
    world.press(2)
    world.says("\npressed")
    world.let_go(2)
    world.says("not pressed")


@recipe("""
    from gpiozero import Button
    bell = Button(2)
    print("waiting")
    bell.wait_for_press()
    print("it was pressed")
    bell.wait_for_release()
    print("and released")
    """, gateway=True)
def button_2(world):
    world.says("waiting")
    world.press(2)
    world.says("it was pressed")
    world.let_go(2)
    world.says("and released")


@recipe("""
    from gpiozero import Button
    from signal import pause
    def hello():
        print("hello")
    bell = Button(2)
    bell.when_pressed = hello
    pause()
    """, gateway=True)
def button_3(world):
    world.waits()
    for _ in range(3):
        world.press(2)
        world.says("hello")
        world.let_go(2)
        world.settles(2)


@recipe("""
    from gpiozero import Button
    from signal import pause
    def hello(button):
        print("hello from", button.pin)
    def goodbye():
        print("goodbye")
    bell = Button("BOARD3")
    bell.when_pressed = hello
    bell.when_released = goodbye
    pause()
    """, gateway=True)
def button_4(world):
    world.waits()
    world.press(2)
    world.says("hello from GPIO2")
    world.let_go(2)
    world.says("goodbye")


@recipe("""
    from gpiozero import Button
    from signal import pause
    sensor = Button(14, pull_up=False)
    sensor.when_pressed = lambda: print("opened")
    sensor.when_released = lambda: print("closed")
    pause()
    """, gateway=True)
def button_pulled_down(world):
    world.waits()
    world.drive(14, True)
    world.says("opened")
    world.drive(14, False)
    world.says("closed")


@recipe("""
    from gpiozero import Button
    from signal import pause
    bell = Button(3, bounce_time=1)
    count = 0
    def pressed():
        global count
        count += 1
        print("press", count)
    bell.when_pressed = pressed
    pause()
    """)
def button_bounce(world):
    world.waits()
    for _ in range(5):
        world.press(3)
        world.let_go(3)
    world.press(3)
    world.says("press 1")
    assert "press 2" not in world.output()


@recipe("""
    from gpiozero import Button, LED
    from signal import pause
    lamp, switch = LED(17), Button(2)
    switch.when_pressed = lamp.on
    switch.when_released = lamp.off
    pause()
    """, gateway=True)
def button_led_1(world):
    world.waits()
    for _ in range(2):
        world.press(2)
        world.sees(17, True)
        world.let_go(2)
        world.sees(17, False)


@recipe("""
    from gpiozero import Button, LED
    from signal import pause
    lamp, switch = LED(27), Button(3)
    lamp.source = switch
    pause()
    """, gateway=True)
def button_led_2(world):
    world.waits()
    world.press(3)
    world.sees(27, True)
    world.let_go(3)
    world.sees(27, False)


@recipe("""
    from gpiozero import Button, LED
    from signal import pause
    lamp, switch = LED(24), Button(4)
    switch.when_pressed = lamp.toggle
    pause()
    """, gateway=True)
def button_toggle(world):
    world.waits()
    for lit in (True, False, True):
        world.press(4)
        world.sees(24, lit)
        world.let_go(4)
        world.settles(4)


@recipe("""
    from gpiozero import Button
    from signal import pause
    def off(button):
        print("held for", round(button.held_time), "s: would power off")
    switch = Button(3, hold_time=0.5)
    switch.when_held = off
    pause()
    """, gateway=True)
def button_shutdown(world):
    world.waits()
    world.press(3)
    world.says("would power off")


@recipe("""
    from gpiozero import Button
    shutter, frames = Button(2), 0
    print("film")
    while frames < 3:
        shutter.wait_for_press()
        frames += 1
        print("frame", frames)
        shutter.wait_for_release()
        print("ready", frames)
    """)
def button_stop_motion(world):
    world.says("film")
    for frame in ("1", "2", "3"):
        world.press(2)
        world.says("frame " + frame)
        world.let_go(2)
        world.says("ready " + frame)


@recipe("""
    from gpiozero import Button
    from datetime import datetime
    from signal import pause
    left, right = Button(2), Button(3)
    def shoot(button):
        print(datetime.now().strftime("%Y"), "left" if button is left else "right")
    left.when_pressed = right.when_pressed = shoot
    pause()
    """)
def button_camera_2(world):
    world.waits()
    world.press(3)
    world.says("right")
    world.press(2)
    world.says("left")


@recipe("""
    from gpiozero import LEDBoard
    from time import sleep
    from signal import pause
    leds = LEDBoard(17, 22, 27)
    leds.on()
    sleep(0.3)
    leds.off()
    sleep(0.3)
    leds.value = (1, 0, 1)
    sleep(0.3)
    leds.blink(0.1, 0.1)
    pause()
    """, gateway=True)
def led_board_1(world):
    world.sees(22, True, False)
    world.sees(17, True)
    world.sees(22, True, False, True)


@recipe("""
    from gpiozero import LEDBoard
    from signal import pause
    leds = LEDBoard(5, 6, 13, pwm=True)
    leds.value = (0.25, 0.5, 1.0)
    pause()
    """, gateway=True)
def led_board_2(world):
    world.shines(5, 0.1, 0.4)
    world.shines(6, 0.35, 0.65)
    world.shines(13, 0.95, 1)


@recipe("""
    from gpiozero import LEDBoard
    from signal import pause
    tree = LEDBoard(star=LEDBoard(low=17, high=22), base=LEDBoard(23, 24))
    tree.star.low.on()
    tree.base[1].on()
    print(tree.value.star.low, tree.value.star.high)
    pause()
    """)
def led_board_3(world):
    world.sees(17, True)
    world.sees(24, True)
    world.says("1 0")
    assert not world.level(22) and not world.level(23)


@recipe("""
    from gpiozero import LEDBoard
    from signal import pause
    leds = LEDBoard(17, 22, 23, 24)
    leds.on(0, 2)
    leds.toggle(1, 2)
    leds.blink(0.1, 0.1, n=2, background=False)
    leds.on(-1)
    pause()
    """)
def led_board_4(world):
    world.sees(22, True, False)
    world.sees(24, True)
    world.waits()
    assert [world.level(pin) for pin in (17, 22, 23, 24)] == [False, False, False, True]


@recipe("""
    from gpiozero import LEDBarGraph
    from signal import pause
    graph = LEDBarGraph(17, 22, 23, 24, 25)
    graph.value = 3 / 5
    print(graph.lit_count)
    pause()
    """, gateway=True)
def led_bargraph_1(world):
    world.says("3")
    for pin, lit in ((17, True), (22, True), (23, True), (24, False), (25, False)):
        world.sees(pin, lit)


@recipe("""
    from gpiozero import LEDBarGraph
    from signal import pause
    graph = LEDBarGraph(5, 6, pwm=True)
    graph.value = -1 / 4
    pause()
    """)
def led_bargraph_2(world):
    world.shines(6, 0.35, 0.65)
    world.shines(5, 0, 0.02)


@recipe("""
    from gpiozero import TrafficLights
    from time import sleep
    lights = TrafficLights(22, 27, 17)
    lights.green.on()
    while True:
        sleep(0.2)
        lights.green.off()
        lights.amber.on()
        sleep(0.2)
        lights.amber.off()
        lights.red.on()
        sleep(0.2)
        lights.amber.on()
        sleep(0.2)
        lights.green.on()
        lights.amber.off()
        lights.red.off()
    """, gateway=True)
def traffic_lights_1(world):
    world.sees(17, True, False)
    world.sees(22, True, False)
    world.sees(17, True)


@recipe("""
    from gpiozero import TrafficLights
    from time import sleep
    from signal import pause
    lights = TrafficLights(22, 27, 17)
    def phases():
        while True:
            for phase in ((0, 0, 1), (0, 1, 0), (1, 0, 0), (1, 1, 0)):
                yield phase
                sleep(0.2)
    lights.source = phases()
    pause()
    """, gateway=True)
def traffic_lights_2(world):
    world.sees(17, True, False)
    world.sees(22, True, False)


@recipe("""
    from gpiozero import Button, LED
    from random import uniform
    from time import sleep
    lamp, first, second = LED(17), Button(2), Button(3)
    sleep(uniform(0.1, 0.3))
    lamp.on()
    while True:
        if first.is_pressed:
            print("the first wins")
            break
        if second.is_pressed:
            print("the second wins")
            break
        sleep(0.001)
    lamp.off()
    """, gateway=True)
def reaction_game(world):
    world.sees(17, True)
    world.press(3)
    world.says("the second wins")
    world.sees(17, False)


@recipe("""
    from gpiozero import Button
    from signal import pause
    sounds = {Button(2): "drum", Button(3): "cymbal", Button(4): "bell"}
    def play(button):
        print("plays the", sounds[button])
    for button in sounds:
        button.when_pressed = play
    pause()
    """, gateway=True)
def music_box(world):
    world.waits()
    for pin, sound in ((4, "bell"), (2, "drum"), (3, "cymbal")):
        world.press(pin)
        world.says("plays the " + sound)


@recipe("""
    from gpiozero import Button, Buzzer, TrafficLights
    from signal import pause
    button, buzzer, lights = Button(4), Buzzer(25), TrafficLights(22, 27, 17)
    things = [buzzer, lights]
    def on():
        for thing in things:
            thing.on()
    def off():
        for thing in things:
            thing.off()
    button.when_pressed = on
    button.when_released = off
    pause()
    """, gateway=True)
def all_on_1(world):
    world.waits()
    world.press(4)
    for pin in (17, 22, 25, 27):
        world.sees(pin, True)
    world.let_go(4)
    for pin in (17, 22, 25, 27):
        world.sees(pin, False)


@recipe("""
    from gpiozero import FishDish
    from signal import pause
    fish = FishDish()
    fish.button.when_pressed = fish.on
    fish.button.when_released = fish.off
    pause()
    """)
def all_on_2(world):
    world.waits()
    world.drive(7, True)
    for pin in (9, 22, 4, 8):
        world.sees(pin, True)
    world.drive(7, False)
    world.sees(8, False)


@recipe("""
    from gpiozero import Buzzer
    from signal import pause
    buzzer = Buzzer(25)
    buzzer.beep(0.1, 0.1, n=2)
    pause()
    """, gateway=True)
def buzzer(world):
    world.sees(25, True, False, True, False)


@recipe("""
    from gpiozero import TonalBuzzer
    from gpiozero.tones import Tone
    from time import sleep
    buzzer = TonalBuzzer(21)
    while True:
        buzzer.play(Tone("A4"))
        print(round(buzzer.tone.frequency), "Hz")
        sleep(1)
        buzzer.stop()
        print("quiet")
        sleep(1)
    """)
def tonal_buzzer(world):
    world.says("440 Hz")
    world.shines(21, 0.2, 0.8)
    world.says("quiet")
    world.shines(21, 0, 0)


@recipe("""
    from gpiozero import RGBLED
    from time import sleep
    mood = RGBLED(5, 6, 13)
    while True:
        mood.red = 1
        sleep(1)
        mood.color = (0, 1, 0.5)
        sleep(1)
        mood.off()
        sleep(1)
    """, gateway=True)
def rgbled(world):
    world.shines(5, 0.95, 1)
    world.shines(6, 0.95, 1)
    world.shines(13, 0.3, 0.7)
    for pin in (5, 6, 13):
        world.shines(pin, 0, 0)


@recipe("""
    from gpiozero import LED, MotionSensor
    from signal import pause
    sensor, lamp = MotionSensor(15), LED(17)
    sensor.when_motion = lamp.on
    sensor.when_no_motion = lamp.off
    sensor.wait_for_no_motion()
    pause()
    """, gateway=True)
def motion_sensor(world):
    world.waits()
    world.drive(15, True)
    world.sees(17, True)
    world.drive(15, False)
    world.sees(17, False)


@recipe("""
    from gpiozero import LineSensor
    from signal import pause
    sensor = LineSensor(14)
    sensor.when_line = lambda: print("line")
    sensor.when_no_line = lambda: print("floor")
    sensor.wait_for_line()
    pause()
    """)
def line_sensor(world):
    world.waits()
    world.drive(14, True)
    world.says("floor")
    world.drive(14, False)
    world.says("line")


@recipe("""
    from gpiozero import LightSensor
    eye = LightSensor(16, queue_len=2, charge_time_limit=1)
    while not eye.value > 0:
        pass
    print("light")
    """)
def light_sensor_1(world):
    world.charges(16, 0.02, "light")


@recipe("""
    from gpiozero import DistanceSensor
    from time import sleep
    eye = DistanceSensor(echo=20, trigger=21, max_distance=4, queue_len=3)
    while not 0.05 < eye.distance < 4:
        sleep(0.05)
    print("something is there")
    """)
def distance_sensor_1(world):
    world.echoes(20, 0.005, "something is there")


@recipe("""
    from gpiozero import Motor
    from time import sleep
    wheel = Motor(forward=5, backward=6)
    while True:
        wheel.forward(0.5)
        sleep(1)
        wheel.reverse()
        sleep(1)
        wheel.stop()
        sleep(1)
    """, gateway=True)
def motor(world):
    world.shines(5, 0.3, 0.7)
    world.shines(6, 0.3, 0.7)
    world.shines(5, 0, 0)
    world.shines(6, 0, 0)


@recipe("""
    from gpiozero import PhaseEnableMotor
    from signal import pause
    wheel = PhaseEnableMotor(phase=17, enable=18)
    wheel.backward(0.5)
    pause()
    """, gateway=True)
def phase_enable_motor(world):
    world.sees(17, True)
    world.shines(18, 0.3, 0.7)


@recipe("""
    from gpiozero import Robot
    from time import sleep
    robot = Robot(left=(5, 6), right=(13, 19))
    while True:
        robot.forward()
        sleep(1)
        robot.right()
        sleep(1)
        robot.stop()
        sleep(1)
    """, gateway=True)
def robot_1(world):
    world.shines(5, 0.95, 1)
    world.shines(13, 0.95, 1)
    world.shines(19, 0.95, 1)
    world.shines(19, 0, 0)


@recipe("""
    from gpiozero import Button, Robot
    from signal import pause
    robot = Robot(left=(5, 6), right=(13, 19))
    ahead, back = Button(2), Button(3)
    ahead.when_pressed = robot.forward
    ahead.when_released = robot.stop
    back.when_pressed = robot.backward
    back.when_released = robot.stop
    pause()
    """, gateway=True)
def robot_buttons_1(world):
    world.waits()
    world.press(3)
    world.shines(6, 0.95, 1)
    world.shines(19, 0.95, 1)
    world.let_go(3)
    world.shines(6, 0, 0)


@recipe("""
    from gpiozero import MotionSensor, Robot
    from gpiozero.tools import zip_values
    from signal import pause
    robot, eye = Robot(left=(5, 6), right=(13, 19)), MotionSensor(15)
    robot.source = zip_values(eye, eye)
    pause()
    """)
def robot_motion_2(world):
    world.waits()
    world.drive(15, True)
    world.shines(5, 0.95, 1)
    world.drive(15, False)
    world.shines(5, 0, 0)


@recipe("""
    from gpiozero import Servo
    from time import sleep
    arm = Servo(12)
    while True:
        for move in (arm.min, arm.mid, arm.max):
            move()
            print("at", arm.value)
            sleep(0.5)
        arm.detach()
        print("at", arm.value)
    """)
def servo_1(world):
    world.says("at -1.0")
    world.shines(12, 0.02, 0.09)
    world.says("at 1.0")
    world.says("at None")


@recipe("""
    from gpiozero import Servo
    from signal import pause
    arm = Servo(12, min_pulse_width=0.002, max_pulse_width=0.018)
    arm.value = 0.5
    pause()
    """)
def servo_2(world):
    world.shines(12, 0.5, 0.9)


@recipe("""
    from gpiozero import AngularServo
    from signal import pause
    arm = AngularServo(12, min_angle=-90, max_angle=90, min_pulse_width=0.002, max_pulse_width=0.018)
    arm.angle = -60
    print("turned to", round(arm.angle))
    pause()
    """)
def angular_servo(world):
    world.says("turned to -60")
    world.shines(12, 0.1, 0.35)


@recipe("""
    from gpiozero import AngularServo
    from time import sleep
    arm = AngularServo(12, min_angle=0, max_angle=180)
    for angle in range(0, 181, 30):
        arm.angle = angle
        print("angle", round(arm.angle))
        sleep(0.05)
    """)
def servo_sweep(world):
    world.says("angle 180")


@recipe("""
    from gpiozero import LED, TimeOfDay
    from datetime import time
    from signal import pause
    lamp, day = LED(17), TimeOfDay(time(0), time(23, 59, 59))
    lamp.source = day
    lamp.source_delay = 0.05
    pause()
    """, gateway=True)
def timed_heat_lamp(world):
    world.sees(17, True)


@recipe("""
    from gpiozero import CPUTemperature, LEDBarGraph
    from signal import pause
    with open("temperature", "w") as file:
        file.write("55000")
    graph = LEDBarGraph(17, 22, 23, 24)
    graph.source_delay = 0.05
    graph.source = CPUTemperature("temperature", min_temp=40, max_temp=80)
    pause()
    """)
def cpu_temperature_bar_graph(world):
    world.sees(17, True)
    assert not world.level(22) and not world.level(24)


@recipe("""
    from gpiozero import DiskUsage, LEDBarGraph
    from signal import pause
    disk = DiskUsage()
    graph = LEDBarGraph(17, 22, 23, 24, pwm=False)
    graph.source = disk
    print("full" if disk.is_active else "not full")
    pause()
    """)
def disk_usage_bar_graph(world):
    world.says("full")


@recipe("""
    from gpiozero import LED, LoadAverage
    from signal import pause
    load = LoadAverage(min_load_average=-1, max_load_average=1000)
    lamp = LED(17)
    lamp.source = (value >= 0 for value in load.values)
    pause()
    """)
def load_average(world):
    world.sees(17, True)


@recipe("""
    from gpiozero import LED
    from random import randint
    from signal import pause
    def dice():
        while True:
            yield randint(0, 1)
    lamp = LED(17)
    lamp.source_delay = 0.05
    lamp.source = dice()
    pause()
    """, gateway=True)
def custom_generator(world):
    world.sees(17, True, False, True)


@recipe("""
    from gpiozero import LED
    from signal import pause
    lamp = LED(17)
    lamp.source_delay = 0.1
    lamp.source = [1, 0, 1, 0, 0, 1]
    pause()
    """)
def custom_generator_finite(world):
    world.sees(17, True, False, True, False, True)


@recipe("""
    from gpiozero import PWMLED
    from gpiozero.tools import random_values, scaled
    from signal import pause
    lamp = PWMLED(18)
    lamp.source_delay = 0.2
    lamp.source = scaled(random_values(), 0.2, 0.4)
    pause()
    """)
def random_values(world):
    world.shines(18, 0.12, 0.48)


@recipe("""
    from gpiozero import PWMLED
    from gpiozero.tools import cos_values, scaled, sin_values
    from signal import pause
    one, two = PWMLED(5), PWMLED(6)
    one.source_delay = two.source_delay = 0.05
    one.source = scaled(sin_values(60), 0, 1, -1, 1)
    two.source = scaled(cos_values(60), 0, 1, -1, 1)
    pause()
    """)
def sin_values(world):
    world.shines(5, 0.6, 1)
    world.shines(5, 0, 0.4)
    world.shines(6, 0.6, 1)


@recipe("""
    from gpiozero import Button, LED
    from gpiozero.tools import negated
    from signal import pause
    lamp, button = LED(17), Button(2)
    lamp.source = negated(button)
    pause()
    """, gateway=True)
def negated(world):
    world.sees(17, True)
    world.press(2)
    world.sees(17, False)


@recipe("""
    from gpiozero import Button, LED
    from gpiozero.tools import all_values
    from signal import pause
    lamp, one, two = LED(17), Button(2), Button(3)
    lamp.source = all_values(one, two)
    pause()
    """, gateway=True)
def combining_sources(world):
    world.waits()
    world.press(2)
    world.press(3)
    world.sees(17, True)
    world.let_go(2)
    world.sees(17, False)


@recipe("""
    from gpiozero import LED
    from signal import pause
    one, two = LED(17), LED(22)
    one.blink(0.3, 0.3)
    two.source_delay = 0.02
    two.source = one
    pause()
    """, gateway=True)
def matching_leds(world):
    world.sees(22, True, False, True)


@recipe("""
    from gpiozero import LED
    from time import sleep
    one, two = LED(17), LED(22)
    one.blink(0.1, 0.1)
    while True:
        two.on()
        sleep(0.2)
        two.off()
        sleep(0.2)
    """, gateway=True)
def two_leds_2(world):
    world.sees(17, True, False)
    world.sees(22, True, False, True)


@recipe("""
    from gpiozero import Button, PWMLED
    from gpiozero.tools import inverted, multiplied
    from signal import pause
    lamp, button = PWMLED(18), Button(2)
    lamp.source = multiplied(inverted(button), [0.5] * 100000)
    pause()
    """)
def source_value_processing(world):
    world.shines(18, 0.3, 0.7)
    world.press(2)
    world.shines(18, 0, 0.02)


@recipe("""
    from gpiozero import RotaryEncoder
    from signal import pause
    knob = RotaryEncoder(20, 21, max_steps=8)
    knob.when_rotated = lambda: print("step", knob.steps)
    pause()
    """)
def rotary_encoder(world):
    world.waits()
    for pin, level in ((20, False), (21, False), (20, True), (21, True)):
        world.drive(pin, level)
        world.settles(pin)
    world.says("step ")


@recipe("""
    from gpiozero import LEDCharDisplay
    from signal import pause
    display = LEDCharDisplay(17, 22, 23, 24, 25, 27, 16)
    display.value = "7"
    print("shows", display.value)
    pause()
    """)
def led_char_display(world):
    world.says("shows 7")
    for pin, lit in ((17, True), (22, True), (23, True), (24, False), (25, False), (16, False)):
        world.sees(pin, lit)


@recipe("""
    from gpiozero import PiLiter
    from time import sleep
    lite = PiLiter()
    while True:
        lite.on()
        sleep(0.2)
        lite.off()
        sleep(0.2)
    """)
def pi_liter(world):
    for pin in (4, 18, 25):
        world.sees(pin, True, False)


@recipe("""
    from gpiozero import Energenie
    from time import sleep
    lamp = Energenie(1)
    lamp.on()
    print("lamp", lamp.value)
    lamp.off()
    print("lamp", lamp.value)
    """)
def energenie(world):
    world.says("lamp True")
    world.says("lamp False")


@recipe("""
    from gpiozero import LED, Button, GPIOPinInUse
    from signal import pause
    with LED(17) as lamp:
        lamp.on()
        try:
            Button(17)
        except GPIOPinInUse:
            print("in use")
    with Button(17) as again:
        print("now a button:", again.is_pressed)
    lamp = LED(17)
    lamp.on()
    pause()
    """)
def close_and_use_again(world):
    world.says("in use")
    world.says("now a button: ")
    world.waits()
    world.sees(17, True)


@recipe("""
    from gpiozero import DigitalInputDevice, DigitalOutputDevice
    wire, eye = DigitalOutputDevice(22), DigitalInputDevice(14)
    print("look")
    eye.wait_for_active()
    wire.on()
    eye.wait_for_inactive()
    wire.off()
    print("active for a while")
    """, gateway=True)
def digital_devices(world):
    world.says("look")
    world.drive(14, True)
    world.sees(22, True)
    world.drive(14, False)
    world.says("active for a while")
    world.sees(22, False)


@recipe("""
    from gpiozero import Device, LED, Button
    Device.ensure_pin_factory() if hasattr(Device, "ensure_pin_factory") else LED(17).close()
    factory = Device.pin_factory
    button = Button(2)
    print("press")
    button.wait_for_press()
    began = factory.ticks()
    print("let go")
    button.wait_for_release()
    print("for a while:", 0 <= factory.ticks_diff(factory.ticks(), began) < 60, "active time gone:", button.active_time is None)
    """)
def ticks_of_the_factory(world):
    world.says("press")
    world.press(2)
    world.says("let go")
    world.let_go(2)
    world.says("for a while: True active time gone: True")

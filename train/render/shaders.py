"""The programs that run per vertex and per pixel: figure, its shadow map, and the stage it stands on.

World axes everywhere: metres, x to the body's left before it is turned, y back, z up. Colours are linear light;
the last step of each picture takes the root.
"""

from __future__ import annotations

SHADOW_VERTEX = """
#version 330
uniform mat4 to_sun;
in vec3 position;
void main() { gl_Position = to_sun * vec4(position, 1.0); }
"""

SHADOW_FRAGMENT = """
#version 330
void main() {}
"""

_VERSION = "#version 330\n"
_LIGHTING = """
const int BOXES = 10;
uniform vec3 sun, sun_colour, sky, ground, eye;
uniform mat4 to_sun;
uniform sampler2D shadow_map;
uniform sampler3D noise_map;
uniform int taps;
uniform float softness;
uniform int boxes;
uniform vec3 box_centre[BOXES], box_half[BOXES], box_colour[BOXES];
uniform float box_turn[BOXES];

float hash(vec3 p) { return fract(sin(dot(p, vec3(12.9898, 78.233, 37.719))) * 43758.5453); }
vec3 noise3(vec3 p) { return texture(noise_map, p / 32.0).rgb; }
float noise(vec3 p) { return texture(noise_map, p / 32.0).r; }
vec2 turned(vec2 v, float angle) {
    float c = cos(angle), s = sin(angle);
    return vec2(c * v.x + s * v.y, c * v.y - s * v.x);
}
// Nearest hit of a ray with box i: distance (or -1) and the normal in world axes.
float hit_box(int i, vec3 from, vec3 along, out vec3 normal) {
    vec3 o = from - box_centre[i], d = along;
    o.xy = turned(o.xy, box_turn[i]);
    d.xy = turned(d.xy, box_turn[i]);
    vec3 inverse = 1.0 / (d + vec3(equal(d, vec3(0.0))) * 1e-9);
    vec3 near = (-sign(d) * box_half[i] - o) * inverse, far = (sign(d) * box_half[i] - o) * inverse;
    float enter = max(near.x, max(near.y, near.z)), leave = min(far.x, min(far.y, far.z));
    normal = vec3(0.0);
    if (enter > leave || enter <= 1e-3) return -1.0;
    vec3 face = vec3(equal(near, vec3(enter)));
    normal = -sign(d) * face;
    normal.xy = turned(normal.xy, -box_turn[i]);
    return enter;
}
// 0 in the shadow of the figure or of a box, 1 in the light.
float in_light(vec3 p, vec3 normal) {
    vec3 unused;
    for (int i = 0; i < boxes; i++) if (hit_box(i, p + normal * 0.004, sun, unused) > 0.0) return 0.0;
    vec3 q = (to_sun * vec4(p + normal * 0.012, 1.0)).xyz * 0.5 + 0.5;
    if (any(lessThan(q, vec3(0.0))) || any(greaterThan(q, vec3(1.0)))) return 1.0;
    float light = 0.0;
    float reach = softness / float(textureSize(shadow_map, 0).x);
    float side = float(taps);
    for (int y = 0; y < taps; y++) for (int x = 0; x < taps; x++) {
        vec2 offset = (vec2(x, y) - 0.5 * (side - 1.0)) * reach;
        light += step(q.z - 0.0006, texture(shadow_map, q.xy + offset).r);
    }
    return light / (side * side);
}
vec3 lambert(vec3 colour, vec3 normal, float light, float open) {
    vec3 direct = sun_colour * max(dot(normal, sun), 0.0) * light;
    return colour * (direct + mix(ground, sky, 0.5 + 0.5 * normal.z) * open);
}
"""

FIGURE_VERTEX = """
#version 330
uniform mat4 clip;
in vec3 position, normal, rest;
in vec4 layers;
in vec3 face;
out vec3 p, n, r, f;
out vec4 l;
void main() { gl_Position = clip * vec4(position, 1.0); p = position; n = normal; r = rest; l = layers; f = face; }
"""

FIGURE_FRAGMENT = (
    _VERSION
    + _LIGHTING
    + """
uniform vec3 skin, lips, hair, iris, shoe;
uniform vec3 cloth[2], cloth_second[2];
uniform int pattern[2];
uniform vec4 pattern_form[2];
uniform float crumple, gloss;
uniform bool two_sided;
uniform sampler2D print_map;
in vec3 p, n, r, f;
in vec4 l;
out vec4 pixel;

float inside(float field) { float w = max(fwidth(field), 1e-5); return smoothstep(-w, w, field); }
vec3 fabric(int i) {
    vec4 form = pattern_form[i];
    int kind = pattern[i];
    float mask = 0.0;
    float s = form.x, phase = form.y;
    float z = sin(r.z * s + (kind == 1 ? phase : 0.0)), x = sin(r.x * s + phase);
    if (kind == 1) mask = inside((z - form.z) / s);
    if (kind == 2) mask = inside((x - form.z) / s);
    if (kind == 3) mask = 0.5 * inside(z / s) + 0.5 * inside(x / s);
    if (kind == 4) mask = inside((noise(r * s * 0.35 + phase) - 0.55 - 0.1 * form.z) / s * 2.0);
    if (kind == 5) mask = inside((z * x - 0.55) / s);
    if (kind == 6) mask = inside(form.w - r.z);
    if (kind == 7) mask = r.y < 0.0 ? inside(min(0.085 - abs(r.x - 0.02 * form.z), 0.07 - abs(r.z - form.w))) : 0.0;
    vec3 colour = mix(cloth[i], cloth_second[i], mask);
    // A photograph, mirrored where it ends.
    vec2 q = vec2(r.x + 0.5 * r.y, r.z) * (1.0 + 0.015 * s) + phase;
    vec3 printed = texture(print_map, abs(fract(q * 0.5) * 2.0 - 1.0)).rgb;
    return kind == 8 ? printed * printed : colour;
}
void main() {
    vec3 view = normalize(eye - p), normal = normalize(n);
    if (two_sided && dot(normal, view) < 0.0) normal = -normal;
    float bottom = inside(l.y), top = inside(l.x), shoes = inside(l.z), head = inside(l.w);
    float dressed = max(top, bottom) * (1.0 - shoes) * (1.0 - head);
    // One look at the noise for whatever is here: hair, cloth or skin.
    bool woven = max(top, bottom) > 0.5, hairy = head > 0.5;
    float grain = noise(r * (hairy ? vec3(220.0, 40.0, 40.0) : vec3(woven ? 160.0 : 60.0)));
    vec3 colour = skin * (0.97 + 0.06 * grain);
    colour = mix(colour, lips, 0.75 * inside(f.y - 0.5));
    colour = mix(colour, hair * 1.2, 0.8 * inside(f.z));
    colour = mix(colour, mix(vec3(0.8), iris, smoothstep(0.5, 0.62, f.x)), f.x > 0.02 ? 1.0 : 0.0);
    colour = mix(colour, fabric(top > 0.5 ? 0 : 1) * (0.9 + 0.2 * grain), max(top, bottom));
    colour = mix(colour, shoe, shoes);
    colour = mix(colour, hair * (0.75 + 0.5 * grain), head);
    // Seams: cloth is darker just inside its edge.
    float edge = min(abs(l.x), abs(l.y));
    colour *= 1.0 - 0.25 * dressed * (1.0 - smoothstep(0.004, 0.012, edge));
    vec3 q = r * 17.0;
    vec3 folds = noise3(q * vec3(1.0, 1.0, 0.6)) - 0.5 + 0.6 * (noise3(q * 2.3 + 5.0) - 0.5);
    normal = normalize(normal + crumple * dressed * (folds - normal * dot(folds, normal)) + 0.5 * head * folds);
    vec3 light = lambert(colour, normal, in_light(p, normal), 1.0);
    float rough = mix(mix(28.0, 10.0, dressed), 40.0, head);
    float shine = pow(max(dot(normal, normalize(sun + view)), 0.0), rough) * gloss * mix(1.0, 0.25, dressed);
    float rim = pow(1.0 - max(dot(normal, view), 0.0), 3.0);
    light += sun_colour * shine * max(dot(normal, sun), 0.0) + colour * sky * rim * 0.35;
    pixel = vec4(sqrt(clamp(light, 0.0, 1.0)), 1.0);
}
"""
)

STAGE_VERTEX = """
#version 330
void main() { gl_Position = vec4(vec2(gl_VertexID == 1 ? 3.0 : -1.0, gl_VertexID == 2 ? 3.0 : -1.0), 0.0, 1.0); }
"""


def stage_fragment(kind: int) -> str:
    """Return the program of one kind of place (``scene.BARE`` and so on).

    Drawn in software, both sides of a branch cost their time whichever is taken: what a place does not have is left
    out here, and nothing is worked out twice.
    """
    return _VERSION + f"#define KIND {kind}\n" + _LIGHTING + _STAGE


_STAGE = """
uniform mat3 to_world;
uniform vec2 centre_px;
uniform float focal_px, floor_z, room_turn, depth_a, depth_b;
uniform vec3 room_low, room_high;
// KIND: 0 shadow only, 1 room, 2 studio, 3 outdoors
uniform vec3 floor_a, floor_b, wall_a, wall_b, sky_low, sky_high;
uniform int floor_pattern, wall_pattern;
uniform float floor_scale, wall_scale, seed;
uniform sampler2D contact;
uniform vec4 contact_area;  // x, y of the low corner, one over the two sides
out vec4 pixel;

vec3 surface(int pattern, vec2 q, vec3 a, vec3 b, float scale, float far) {
    float grain = noise(vec3(q * scale * 3.0, seed));
    float fine = mix(noise(vec3(q * scale * 23.0, seed)), 0.5, smoothstep(3.0, 12.0, far));
    vec3 base = a * (0.86 + 0.2 * grain + 0.08 * fine);
    float gap = 0.03 * scale * 0.5;
    if (pattern == 1) {  // planks
        vec2 c = q * scale * vec2(6.0, 0.7);
        float row = floor(c.x);
        c.y += hash(vec3(row, 3.0, seed)) * 4.0;
        float shade = hash(vec3(row, floor(c.y), seed));
        float streak = noise(vec3(q.x * scale * 90.0, q.y * scale * 3.0, shade * 9.0));
        vec2 f = fract(c);
        float line = step(f.x, 0.03) + step(f.y, 0.006);
        return mix(a, b, 0.5 * shade) * (0.8 + 0.3 * streak) * (1.0 - 0.45 * min(line, 1.0));
    }
    if (pattern == 2) {  // tiles
        vec2 f = abs(fract(q * scale * 2.0) - 0.5);
        float line = smoothstep(0.475, 0.485, max(f.x, f.y));
        return mix(base, b, line);
    }
    if (pattern == 3) return mix(a, b, smoothstep(0.3, 0.7, 0.6 * grain + 0.4 * fine));
    if (pattern == 4) return mix(base, b, smoothstep(0.45, 0.55, abs(fract(q.x * scale * 2.5) - 0.5) * 2.0));
    if (pattern == 5) return mix(base, b, mod(floor(q.x * scale * 1.6) + floor(q.y * scale * 1.6), 2.0));
    if (pattern == 6) {  // bricks
        vec2 c = q * scale * vec2(4.0, 12.0);
        c.x += 0.5 * mod(floor(c.y), 2.0);
        vec2 f = fract(c);
        float line = min(step(f.x, 0.05) + step(f.y, 0.12), 1.0);
        return mix(a * (0.75 + 0.4 * hash(vec3(floor(c), seed))), b, line);
    }
    return base;
}
void main() {
    vec3 d = normalize(to_world * vec3((gl_FragCoord.xy - centre_px) / focal_px, 1.0));
    float t = 1e6;
    vec3 normal = vec3(0.0, 0.0, 1.0), colour = vec3(0.0);
    float open = 1.0;
    bool sky_seen = true, floor_seen = false;
    if (d.z < 0.0 && eye.z > floor_z) { t = (floor_z - eye.z) / d.z; sky_seen = false; floor_seen = true; }
    vec3 o = eye, e = d;
    o.xy = turned(o.xy, room_turn);
    e.xy = turned(e.xy, room_turn);
    vec2 wall = vec2(0.0);
#if KIND == 1
    for (int axis = 0; axis < 3; axis++) {
        float plane = e[axis] > 0.0 ? room_high[axis] : room_low[axis];
        if (axis == 2 && e[axis] < 0.0) continue;
        float s = (plane - o[axis]) / e[axis];
        if (s > 0.0 && s < t) {
            t = s; sky_seen = false; floor_seen = false;
            normal = vec3(0.0); normal[axis] = -sign(e[axis]);
            vec3 at = o + s * e;
            wall = axis == 0 ? at.yz : axis == 1 ? at.xz : at.xy;
        }
    }
#endif
    vec3 at_room = o + t * e;
#if KIND == 1
    colour = surface(floor_seen ? floor_pattern : wall_pattern, floor_seen ? at_room.xy : wall,
                     floor_seen ? floor_a : wall_a, floor_seen ? floor_b : wall_b,
                     floor_seen ? floor_scale : wall_scale, t);
    if (!floor_seen) {
        bool ceiling = abs(normal.z) > 0.5;
        if (ceiling) colour = vec3(0.75);
        else if (at_room.z < floor_z + 0.09) colour = vec3(0.7) * (0.6 + 0.4 * wall_a);
    }
    vec3 gap = min(at_room - room_low, room_high - at_room);
    float low = min(gap.x + gap.y + gap.z - max(gap.x, max(gap.y, gap.z)) - min(gap.x, min(gap.y, gap.z)), 1.0);
    open = 0.62 + 0.38 * smoothstep(0.0, 0.9, low);
#elif KIND == 3
    colour = surface(floor_pattern, at_room.xy, floor_a, floor_b, floor_scale, t);
#endif
    normal.xy = turned(normal.xy, -room_turn);
    vec3 box_normal;
    for (int i = 0; i < boxes; i++) {
        float s = hit_box(i, eye, d, box_normal);
        if (s > 0.0 && s < t) {
            t = s; normal = box_normal; sky_seen = false; floor_seen = false; open = 0.9;
            vec3 q = eye + s * d;
            colour = box_colour[i] * (0.85 + 0.3 * noise(q * vec3(5.0, 5.0, 40.0) + float(i)));
            open *= 0.6 + 0.4 * smoothstep(0.0, 0.3, q.z - floor_z);
        }
    }
    vec3 p = eye + min(t, 400.0) * d;
    if (floor_seen) {
        vec2 area = (p.xy - contact_area.xy) * contact_area.zw;
        if (all(greaterThan(area, vec2(0.0))) && all(lessThan(area, vec2(1.0)))) open *= 1.0 - texture(contact, area).r;
    }
    gl_FragDepth = sky_seen ? 1.0 : clamp(depth_a + depth_b / max(dot(p - eye, to_world[2]), 0.051), 0.0, 1.0);
    float lit = in_light(p, normal);
#if KIND == 0
    float full = max(sun.z, 0.0) * dot(sun_colour, vec3(0.33)), rest = dot(sky, vec3(0.33));
    vec4 shadow = vec4(vec3(0.0), 0.8 * (1.0 - sqrt((full * lit + rest * open) / (full + rest))));
    vec4 box = vec4(sqrt(clamp(lambert(colour, normal, lit, open), 0.0, 1.0)), 1.0);
    pixel = sky_seen ? vec4(0.0) : floor_seen ? shadow : box;
#else
    vec3 light;
#if KIND == 2  // seamless paper: the floor rises into the wall
    float back = smoothstep(2.5, 7.0, length(p.xy)) + (floor_seen ? 0.0 : 1.0);
    vec3 paper = mix(floor_a, wall_a, clamp(back, 0.0, 1.0));
    vec3 wall_light = paper * (sky + 0.35 * sun_colour);
    light = lambert(floor_seen ? paper : colour, normal, lit, open);
    light = floor_seen ? mix(light, wall_light, clamp(back, 0.0, 1.0)) : sky_seen ? wall_light : light;
    light *= 0.82 + 0.3 * exp(-dot(d - to_world[2], d - to_world[2]) * 3.0);
#else
    light = lambert(colour, normal, lit, open);
#endif
#if KIND == 3
    light = mix(light, sky_low * 0.8, 0.7 * smoothstep(10.0, 120.0, t));
    float clouds = smoothstep(0.45, 0.8, 0.6 * noise(vec3(d.xy / (abs(d.z) + 0.15) * 2.0, seed))
                                       + 0.4 * noise(vec3(d.xy / (abs(d.z) + 0.15) * 6.0, seed)));
    vec3 above = mix(mix(sky_low, sky_high, pow(max(d.z, 0.0), 0.6)), vec3(0.9),
                     0.6 * clouds * smoothstep(0.0, 0.25, d.z));
    float azimuth = atan(d.y, d.x);
    float ridge = 0.03 + 0.12 * noise(vec3(azimuth * 3.0, 1.0, seed)) + 0.03 * noise(vec3(azimuth * 23.0, 2.0, seed));
    if (d.z < ridge) above = mix(wall_b, wall_a, noise(vec3(azimuth * 40.0, d.z * 90.0, seed))) * (0.4 + 0.5 * sky);
    if (sky_seen) light = above;
#endif
    pixel = vec4(sqrt(clamp(light, 0.0, 1.0)), 1.0);
#endif
}
"""
